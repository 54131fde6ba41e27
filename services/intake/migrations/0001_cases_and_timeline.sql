-- Who may knock: sites, their stations, the tokens of machines and the accounts of people.

CREATE TABLE intake.sites (
    site_id text PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('house', 'town_hall', 'bus')),
    created_at timestamptz NOT NULL
);

CREATE TABLE intake.stations (
    station_id text PRIMARY KEY,
    site_id text NOT NULL REFERENCES intake.sites,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX stations_site_id ON intake.stations (site_id);

-- The bearer tokens of stations, API clients and monitoring; only their hashes are kept.
-- The account of a station is its station id.
CREATE TABLE intake.api_tokens (
    account text PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    roles text[] NOT NULL,
    site_id text REFERENCES intake.sites,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE intake.accounts (
    account text PRIMARY KEY,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    site_id text REFERENCES intake.sites,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- The partners heard of on the topic partner-directory.
CREATE TABLE intake.partners (
    partner_id text PRIMARY KEY,
    name text NOT NULL,
    accepting boolean NOT NULL,
    described_at timestamptz NOT NULL
);

-- One row per request accepted. `sealed` is who asked and what, in their words.
-- `decision` is the one in force (the highest number); `status` is computed, never typed in.
CREATE TABLE intake.cases (
    case_id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    tracking_secret_hash bytea NOT NULL,
    site_id text NOT NULL REFERENCES intake.sites,
    station_id text,
    channel text NOT NULL,
    language text,
    taken_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    submitted_by text NOT NULL,
    consent jsonb NOT NULL,
    choices jsonb NOT NULL,
    sealed text NOT NULL,
    status text NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_by text,
    decision jsonb,
    recalled uuid[] NOT NULL DEFAULT '{}'
);
CREATE INDEX cases_site_id_received_at ON intake.cases (site_id, received_at DESC, case_id DESC);

-- What is known of each agency's share of a case; see case_facts.py for the shape of `facts`.
CREATE TABLE intake.case_referrals (
    referral_id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES intake.cases ON DELETE CASCADE,
    partner_id text NOT NULL,
    status text NOT NULL,
    facts jsonb NOT NULL
);
CREATE INDEX case_referrals_case_id ON intake.case_referrals (case_id);

-- What happened, in the order we learnt it; rows are added, and erased with their person,
-- never changed. Ids are not in commit order: whoever follows the table reads in the order
-- of (xid, id) what lies below the oldest transaction still open.
CREATE TABLE intake.timeline (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES intake.cases ON DELETE CASCADE,
    site_id text NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    referral_id uuid,
    partner_id text,
    facts jsonb NOT NULL,
    sealed text
);
CREATE INDEX timeline_case_id ON intake.timeline (case_id, at, id);
CREATE INDEX timeline_xid ON intake.timeline (xid, id);

CREATE FUNCTION intake.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'intake.timeline is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER timeline_is_append_only BEFORE UPDATE OR TRUNCATE ON intake.timeline
    FOR EACH STATEMENT EXECUTE FUNCTION intake.refuse_change();
