#!/bin/sh
# Debian's chromium for the browser tests; their fixture runs this, as root, where it is missing.
set -eu
[ -x /usr/bin/chromium ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium
