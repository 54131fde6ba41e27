"""Partner files, and errors that name the line."""

import pytest

from services.partner_adapters.partner_environment import PartnerNotConfigured, connect_partners
from services.partner_adapters.read_partner_files import (
    PartnerFileError,
    load_partner_files,
    parse_partner_file,
)
from services.partner_adapters.registry import ADAPTERS
from shared.contracts.referral_status import ReferralStatus

GOOD = """\
id = "caf"
name = "CAF"
kind = "rest"
address = "https://caf.example/api"
after_unknown = "resend"
permitted_fields = ["given_name"]

[status_return]
way = "callback"
secret = "CAF_CALLBACK_SECRET"

[statuses]
ACCUSE = "acknowledged"
"""


def fault_of(text):
    with pytest.raises(PartnerFileError) as raised:
        parse_partner_file(text, name="caf.toml", kinds=ADAPTERS)
    return str(raised.value)


def test_the_nine_partners_load_and_each_can_say_every_status():
    partners = load_partner_files(kinds=ADAPTERS)
    assert sorted(partners) == [
        *("accompagnement", "caf", "casvp", "cpam", "edf", "engie", "laposte", "mairie", "sncf")
    ]
    for partner in partners.values():
        assert set(partner.statuses.values()) == {
            ReferralStatus.ACKNOWLEDGED,
            ReferralStatus.IN_PROGRESS,
            ReferralStatus.NEEDS_INFORMATION,
            ReferralStatus.RESOLVED,
            ReferralStatus.REFUSED,
        }
        assert len(partner.refusal_reasons) == 5


def test_a_partner_that_does_not_recognise_repetitions_is_looked_up():
    partners = load_partner_files(kinds=ADAPTERS)
    looked_up = {id_ for id_, each in partners.items() if each.after_unknown == "look_up"}
    assert looked_up == {"cpam", "edf", "laposte"}


def test_a_demonstration_waits_no_longer_than_it_says():
    partners = load_partner_files(kinds=ADAPTERS)
    laposte = partners["laposte"].hurried(1)
    assert (laposte.limits.every_seconds, laposte.status_return.every_seconds) == (1, 1)
    assert laposte.hurried(9) == laposte
    assert partners["caf"].hurried(1) == partners["caf"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "rest"', 'kind = "telex"', "caf.toml:3: kind"),
        ('"acknowledged"', '"delivered"', "caf.toml:13: statuses.ACCUSE"),
        ('after_unknown = "resend"', "", "caf.toml:1: after_unknown"),
        ("https://caf.example", "http://caf.example", "https"),
        ('["given_name"]', '["given_name", "salary"]', "caf.toml:6: permitted_fields.1"),
        ('way = "callback"', 'way = "pigeon"', "caf.toml:8: status_return"),
        ('id = "caf"', 'id = "cafe"', "caf.toml:1: id"),
        ("[statuses]", "[statuses", "caf.toml:12:"),
        ('name = "CAF"', 'name = "CAF"\ncolour = "red"', "caf.toml:3: colour"),
    ],
)
def test_a_fault_is_named_with_its_file_and_line(old, new, fault):
    assert fault in fault_of(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'way = "callback"\nsecret = "CAF_CALLBACK_SECRET"',
            'way = "topic"',
            "caf.toml:9: status_r",
        ),
        (
            'kind = "rest"',
            'kind = "webhook"',
            "credentials.way: webhook partners have signing_keys",
        ),
        ('kind = "rest"', 'kind = "kafka_queue"', "status_return.way: kafka_queue partners have"),
        ("[statuses]", "[limits]\nbatch = 5\n[statuses]", "caf.toml:13: limits.batch"),
        (
            "[statuses]",
            2 * '[[units]]\nunit_id = "1"\nname = "A"\n' + "[statuses]",
            "units.unit_id: 1 is there 2 times",
        ),
        (
            '["given_name"]',
            '["given_name"]\nneeded_identifiers = ["caf"]',
            "caf.toml:7: needed_ide",
        ),
        (
            '["given_name"]',
            '["identifiers"]\nneeded_identifiers = ["edf"]',
            "caf.toml:7: needed_ide",
        ),
        ("[statuses]", "[expiry]\ndays = 2\n[statuses]", "caf.toml:13: expiry.days"),
        (
            "[statuses]",
            "[expiry]\ndays = 9\n[deadline]\nacknowledge_business_days = 9\n[statuses]",
            "caf.toml:15: deadline.acknowledge_business_days",
        ),
        (
            "[statuses]",
            "[breaker]\nfirst_pause_seconds = 9000\n[statuses]",
            "caf.toml:13: breaker.first_pause_seconds",
        ),
        ("[statuses]", '[hours]\nmonday = ["9-17"]\n[statuses]', "caf.toml:13: hours.monday"),
        ("[statuses]", "[hours]\n[statuses]", "caf.toml:12: hours: "),
        (
            "[statuses]",
            '[hours]\nfriday = ["09:00-12:00", "11:00-17:00"]\n[statuses]',
            "caf.toml:13: hours.friday",
        ),
    ],
)
def test_what_does_not_fit_together_is_named_with_its_file_and_line(old, new, fault):
    assert fault in fault_of(GOOD.replace(old, new))


def test_a_partner_that_cannot_be_asked_is_not_looked_up():
    text = GOOD.replace("resend", "look_up").replace("rest", "webhook")
    assert "caf.toml:5: after_unknown: webhook partners cannot be asked" in fault_of(text)


@pytest.mark.parametrize("host", ["localhost:8101", "127.0.0.1:8101", "[::1]:8101"])
def test_plain_http_is_for_this_machine_only(host):
    text = GOOD.replace("https://caf.example", f"http://{host}")
    partner = parse_partner_file(text, name="caf.toml", kinds=ADAPTERS)
    assert partner.address == f"http://{host}/api"


def test_a_file_in_the_folder_adds_a_partner_or_takes_the_place_of_one(tmp_path):
    (tmp_path / "ccas.toml").write_text(GOOD.replace('id = "caf"', 'id = "ccas"'))
    (tmp_path / "caf.toml").write_text(GOOD)
    partners = load_partner_files(kinds=ADAPTERS, folder=tmp_path)
    assert len(partners) == 10
    assert partners["caf"].name == "CAF"


def test_missing_secrets_are_all_named_and_addresses_come_from_the_environment():
    file = parse_partner_file(GOOD, name="caf.toml", kinds=ADAPTERS)
    with pytest.raises(PartnerNotConfigured, match="AIGUILLAGE_SECRET_CAF_CALLBACK_SECRET"):
        connect_partners({"caf": file}, {})
    environment = {
        "AIGUILLAGE_SECRET_CAF_CALLBACK_SECRET": "whsec_c2VjcmV0",
        "AIGUILLAGE_PARTNER_ADDRESS_CAF": "http://127.0.0.1:8101",
    }
    with pytest.raises(PartnerNotConfigured, match="AIGUILLAGE_PARTNERS_ON_LOOPBACK"):
        connect_partners({"caf": file}, environment)
    partner = connect_partners({"caf": file}, environment, on_loopback=True)["caf"]
    assert partner.need_address() == "http://127.0.0.1:8101"
    assert "whsec_c2VjcmV0" not in repr(partner)
    environment["AIGUILLAGE_SECRET_CAF_CALLBACK_SECRET"] = "not a key, é"
    with pytest.raises(PartnerNotConfigured, match="AIGUILLAGE_SECRET_CAF_CALLBACK_SECRET"):
        connect_partners({"caf": file}, environment)
    environment["AIGUILLAGE_PARTNER_ADDRESS_CAF"] = "http://caf.example"
    with pytest.raises(PartnerNotConfigured, match="https"):
        connect_partners({"caf": file}, environment)
