CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE acceptance (
    contract_id UUID NOT NULL, 
    milestone_ids UUID[] NOT NULL, 
    milestone_refs TEXT[] NOT NULL, 
    decision TEXT NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    decided_by TEXT NOT NULL, 
    note TEXT NOT NULL, 
    items JSONB NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_acceptance PRIMARY KEY (id)
);

CREATE INDEX ix_acceptance_contract_id ON acceptance (contract_id);

CREATE TABLE approval_step (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    position BIGINT NOT NULL, 
    role TEXT NOT NULL, 
    rule TEXT NOT NULL, 
    content_sha256 TEXT NOT NULL, 
    state TEXT NOT NULL, 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE, 
    decided_by UUID, 
    decided_by_name TEXT, 
    decided_by_email TEXT, 
    reason TEXT, 
    CONSTRAINT pk_approval_step PRIMARY KEY (id)
);

CREATE INDEX ix_approval_step_invoice_id ON approval_step (invoice_id);

CREATE INDEX ix_approval_step_waiting ON approval_step (role, due_at) WHERE state = 'waiting';

CREATE TABLE audit_entry (
    id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    actor_kind TEXT NOT NULL, 
    actor_id UUID, 
    actor_name TEXT NOT NULL, 
    acting_for TEXT, 
    action TEXT NOT NULL, 
    subject_kind TEXT NOT NULL, 
    subject_id UUID, 
    before JSONB, 
    after JSONB, 
    reason TEXT, 
    address TEXT, 
    trace_id TEXT, 
    CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);

CREATE INDEX ix_audit_entry_subject_id ON audit_entry (subject_id);

CREATE TABLE billable_item (
    id UUID NOT NULL, 
    transaction_key TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    subject_id UUID NOT NULL, 
    contract_id UUID NOT NULL, 
    customer_id UUID, 
    project_id UUID, 
    invoice_id UUID, 
    state TEXT NOT NULL, 
    reasons TEXT[] NOT NULL, 
    notes TEXT[] NOT NULL, 
    description TEXT NOT NULL, 
    quantity NUMERIC NOT NULL, 
    unit TEXT NOT NULL, 
    unit_price NUMERIC, 
    amount_minor BIGINT, 
    currency TEXT, 
    service_from DATE, 
    service_to DATE, 
    clause TEXT NOT NULL, 
    contract_version_id UUID, 
    change_order_id UUID, 
    rate_id UUID, 
    acceptance_id UUID, 
    evidence_ids UUID[] NOT NULL, 
    message_id UUID, 
    proposal_sha256 TEXT NOT NULL, 
    waiting_since TIMESTAMP WITH TIME ZONE, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_billable_item PRIMARY KEY (id), 
    CONSTRAINT uq_billable_item_transaction_key UNIQUE (transaction_key)
);

CREATE INDEX ix_billable_item_contract_id ON billable_item (contract_id);

CREATE INDEX ix_billable_item_invoice_id ON billable_item (invoice_id);

CREATE INDEX ix_billable_item_ready ON billable_item (contract_id) WHERE state = 'ready';

CREATE INDEX ix_billable_item_subject_id ON billable_item (subject_id);

CREATE TABLE change_order (
    contract_id UUID NOT NULL, 
    number TEXT NOT NULL, 
    title TEXT NOT NULL, 
    signed_at TIMESTAMP WITH TIME ZONE, 
    signed_by TEXT NOT NULL, 
    value_after NUMERIC, 
    currency_after TEXT, 
    changes JSONB NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_change_order PRIMARY KEY (id)
);

CREATE INDEX ix_change_order_contract_id ON change_order (contract_id);

CREATE TABLE configuration (
    version BIGINT NOT NULL, 
    content JSONB NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    made_by TEXT NOT NULL, 
    CONSTRAINT pk_configuration PRIMARY KEY (version)
);

CREATE TABLE connection (
    id UUID NOT NULL, 
    name TEXT NOT NULL, 
    connector TEXT NOT NULL, 
    source TEXT NOT NULL, 
    settings JSONB NOT NULL, 
    secrets TEXT, 
    hook_secret TEXT, 
    enabled BOOLEAN NOT NULL, 
    person_id UUID, 
    CONSTRAINT pk_connection PRIMARY KEY (id), 
    CONSTRAINT uq_connection_name UNIQUE (name)
);

CREATE TABLE contract (
    number TEXT NOT NULL, 
    title TEXT NOT NULL, 
    customer_id UUID NOT NULL, 
    project_id UUID, 
    legal_entity TEXT NOT NULL, 
    signed_on DATE, 
    currency TEXT, 
    value NUMERIC, 
    value_raw TEXT NOT NULL, 
    billing TEXT NOT NULL, 
    grouping TEXT NOT NULL, 
    acceptance_required BOOLEAN NOT NULL, 
    po_number TEXT NOT NULL, 
    po_value NUMERIC, 
    po_valid_until DATE, 
    payment_terms_days BIGINT, 
    acceptance_settles_after_days BIGINT NOT NULL, 
    clauses JSONB NOT NULL, 
    status TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_contract PRIMARY KEY (id)
);

CREATE TABLE contract_version (
    id UUID NOT NULL, 
    contract_id UUID NOT NULL, 
    origin_id UUID NOT NULL, 
    number BIGINT NOT NULL, 
    effective_at TIMESTAMP WITH TIME ZONE, 
    value NUMERIC, 
    currency TEXT, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_contract_version PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_contract_version_origin ON contract_version (contract_id, origin_id);

CREATE TABLE contributor (
    invoice_id UUID NOT NULL, 
    identity TEXT NOT NULL, 
    why TEXT NOT NULL, 
    CONSTRAINT pk_contributor PRIMARY KEY (invoice_id, identity)
);

CREATE TABLE customer (
    name TEXT NOT NULL, 
    legal_name TEXT NOT NULL, 
    tax_id TEXT NOT NULL, 
    address JSONB NOT NULL, 
    billing_email TEXT, 
    contacts JSONB NOT NULL, 
    language TEXT NOT NULL, 
    currency TEXT, 
    po_required BOOLEAN NOT NULL, 
    payment_terms_days BIGINT, 
    tax_category TEXT, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_customer PRIMARY KEY (id)
);

CREATE TABLE delivery (
    id UUID NOT NULL, 
    key TEXT NOT NULL, 
    subject_kind TEXT NOT NULL, 
    subject_id UUID NOT NULL, 
    channel TEXT NOT NULL, 
    recipient TEXT NOT NULL, 
    state TEXT NOT NULL, 
    attempts BIGINT NOT NULL, 
    message_ref TEXT, 
    outcome TEXT, 
    intended_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_delivery PRIMARY KEY (id), 
    CONSTRAINT uq_delivery_key UNIQUE (key)
);

CREATE INDEX ix_delivery_subject_id ON delivery (subject_id);

CREATE TABLE dispute (
    id UUID NOT NULL, 
    receivable_id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    line_id UUID NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    reason TEXT NOT NULL, 
    state TEXT NOT NULL, 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    opened_by TEXT NOT NULL, 
    phase_before TEXT NOT NULL, 
    detail_before TEXT NOT NULL, 
    resolved_at TIMESTAMP WITH TIME ZONE, 
    resolved_by TEXT, 
    resolution TEXT, 
    CONSTRAINT pk_dispute PRIMARY KEY (id), 
    CONSTRAINT ck_dispute_amount CHECK (amount_minor > 0)
);

CREATE INDEX ix_dispute_invoice_id ON dispute (invoice_id);

CREATE INDEX ix_dispute_open ON dispute (receivable_id) WHERE state = 'open';

CREATE TABLE document (
    id UUID NOT NULL, 
    subject_id UUID NOT NULL, 
    kind TEXT NOT NULL, 
    name TEXT NOT NULL, 
    media_type TEXT NOT NULL, 
    sha256 TEXT NOT NULL, 
    size_bytes BIGINT NOT NULL, 
    content_sha256 TEXT NOT NULL, 
    pages BIGINT NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_document PRIMARY KEY (id), 
    CONSTRAINT uq_document_subject_id_kind_sha256 UNIQUE (subject_id, kind, sha256)
);

CREATE TABLE drop_file (
    id UUID NOT NULL, 
    connection_id UUID NOT NULL, 
    name TEXT NOT NULL, 
    sha256 TEXT NOT NULL, 
    rows_accepted BIGINT NOT NULL, 
    rows_refused BIGINT NOT NULL, 
    rows_known BIGINT NOT NULL, 
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_drop_file PRIMARY KEY (id)
);

CREATE TABLE evidence (
    contract_id UUID NOT NULL, 
    milestone_ids UUID[] NOT NULL, 
    title TEXT NOT NULL, 
    uri TEXT NOT NULL, 
    sha256 TEXT, 
    media_type TEXT NOT NULL, 
    submitted_at TIMESTAMP WITH TIME ZONE, 
    submitted_by TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_evidence PRIMARY KEY (id)
);

CREATE INDEX ix_evidence_contract_id ON evidence (contract_id);

CREATE TABLE exception (
    id UUID NOT NULL, 
    subject_kind TEXT NOT NULL, 
    subject_id UUID NOT NULL, 
    code TEXT NOT NULL, 
    title TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    remedy TEXT NOT NULL, 
    owner_role TEXT NOT NULL, 
    assignee_id UUID, 
    amount_minor BIGINT, 
    currency TEXT, 
    customer_id UUID, 
    technical BOOLEAN NOT NULL, 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    closed_how TEXT, 
    CONSTRAINT pk_exception PRIMARY KEY (id)
);

CREATE INDEX ix_exception_open ON exception (due_at) WHERE closed_at IS NULL;

CREATE UNIQUE INDEX uq_exception_open_subject ON exception (subject_id, code) WHERE closed_at IS NULL;

CREATE TABLE expense (
    contract_id UUID NOT NULL, 
    project_id UUID, 
    person_name TEXT NOT NULL, 
    spent_on DATE NOT NULL, 
    category TEXT NOT NULL, 
    description TEXT NOT NULL, 
    amount NUMERIC NOT NULL, 
    currency TEXT NOT NULL, 
    status TEXT NOT NULL, 
    approved_by TEXT NOT NULL, 
    receipt_uri TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_expense PRIMARY KEY (id)
);

CREATE INDEX ix_expense_contract_id ON expense (contract_id);

CREATE TABLE external_reference (
    kind TEXT NOT NULL, 
    ref TEXT NOT NULL, 
    object_id UUID NOT NULL, 
    CONSTRAINT pk_external_reference PRIMARY KEY (kind, ref), 
    CONSTRAINT uq_external_reference_object_id UNIQUE (object_id)
);

CREATE TABLE finding (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    rule TEXT NOT NULL, 
    code TEXT NOT NULL, 
    severity TEXT NOT NULL, 
    subject TEXT NOT NULL, 
    message TEXT NOT NULL, 
    remedy TEXT NOT NULL, 
    technical BOOLEAN NOT NULL, 
    evidence JSONB NOT NULL, 
    content_sha256 TEXT NOT NULL, 
    found_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    resolved_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_finding PRIMARY KEY (id)
);

CREATE INDEX ix_finding_open ON finding (invoice_id) WHERE resolved_at IS NULL;

CREATE TABLE invoice (
    id UUID NOT NULL, 
    document_type TEXT NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    project_id UUID, 
    group_key TEXT NOT NULL, 
    currency TEXT NOT NULL, 
    phase TEXT NOT NULL, 
    detail TEXT NOT NULL, 
    net_minor BIGINT NOT NULL, 
    tax_minor BIGINT NOT NULL, 
    gross_minor BIGINT NOT NULL, 
    content_sha256 TEXT NOT NULL, 
    payment_terms_days BIGINT NOT NULL, 
    due_on DATE, 
    issued_on DATE, 
    issued_at TIMESTAMP WITH TIME ZONE, 
    number TEXT, 
    number_year BIGINT, 
    sequence_number BIGINT, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    phase_since TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_invoice PRIMARY KEY (id), 
    CONSTRAINT ck_invoice_number_when_issued CHECK ((number IS NULL) = (issued_at IS NULL)), 
    CONSTRAINT uq_invoice_legal_entity_id_document_type_number_year_se_5fb4 UNIQUE (legal_entity_id, document_type, number_year, sequence_number), 
    CONSTRAINT uq_invoice_number UNIQUE (number)
);

CREATE INDEX ix_invoice_open_draft ON invoice (customer_id) WHERE issued_at IS NULL;

CREATE INDEX ix_invoice_phase ON invoice (phase, updated_at);

CREATE TABLE invoice_event (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    event TEXT NOT NULL, 
    text TEXT NOT NULL, 
    actor_name TEXT NOT NULL, 
    facts JSONB NOT NULL, 
    CONSTRAINT pk_invoice_event PRIMARY KEY (id)
);

CREATE INDEX ix_invoice_event_invoice_id ON invoice_event (invoice_id);

CREATE TABLE invoice_snapshot (
    invoice_id UUID NOT NULL, 
    content JSONB NOT NULL, 
    sha256 TEXT NOT NULL, 
    frozen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_invoice_snapshot PRIMARY KEY (invoice_id)
);

CREATE TABLE journal_entry (
    id UUID NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    kind TEXT NOT NULL, 
    subject_id UUID NOT NULL, 
    booked_on DATE NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_journal_entry PRIMARY KEY (id)
);

CREATE INDEX ix_journal_entry_subject_id ON journal_entry (subject_id);

CREATE TABLE legal_entity (
    id UUID NOT NULL, 
    code TEXT NOT NULL, 
    name TEXT NOT NULL, 
    country TEXT NOT NULL, 
    currency TEXT NOT NULL, 
    time_zone TEXT NOT NULL, 
    profile JSONB NOT NULL, 
    CONSTRAINT pk_legal_entity PRIMARY KEY (id), 
    CONSTRAINT uq_legal_entity_code UNIQUE (code)
);

CREATE TABLE mailbox (
    id UUID NOT NULL, 
    delivery_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    sender TEXT NOT NULL, 
    recipient TEXT NOT NULL, 
    subject TEXT NOT NULL, 
    html TEXT NOT NULL, 
    text TEXT NOT NULL, 
    attachments JSONB NOT NULL, 
    CONSTRAINT pk_mailbox PRIMARY KEY (id), 
    CONSTRAINT uq_mailbox_delivery_id UNIQUE (delivery_id)
);

CREATE TABLE milestone (
    contract_id UUID NOT NULL, 
    number TEXT NOT NULL, 
    name TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    amount NUMERIC, 
    percent NUMERIC, 
    currency TEXT, 
    amount_raw TEXT NOT NULL, 
    acceptance_required BOOLEAN, 
    due_on DATE, 
    clause TEXT NOT NULL, 
    change_order_id UUID, 
    removed BOOLEAN NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_milestone PRIMARY KEY (id)
);

CREATE INDEX ix_milestone_contract_id ON milestone (contract_id);

CREATE TABLE number_series (
    legal_entity_id UUID NOT NULL, 
    document_type TEXT NOT NULL, 
    year BIGINT NOT NULL, 
    pattern TEXT NOT NULL, 
    next_number BIGINT NOT NULL, 
    CONSTRAINT pk_number_series PRIMARY KEY (legal_entity_id, document_type, year)
);

CREATE TABLE payment (
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    legal_entity_id UUID, 
    customer_id UUID, 
    amount_minor BIGINT NOT NULL, 
    unapplied_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    paid_on DATE NOT NULL, 
    invoice_number TEXT NOT NULL, 
    remittance TEXT NOT NULL, 
    milestone_ids UUID[] NOT NULL, 
    message_id UUID, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_payment PRIMARY KEY (id), 
    CONSTRAINT ck_payment_unapplied CHECK (amount_minor > 0 AND unapplied_minor BETWEEN 0 AND amount_minor), 
    CONSTRAINT uq_payment_ref UNIQUE (ref)
);

CREATE INDEX ix_payment_unapplied ON payment (customer_id) WHERE unapplied_minor > 0;

CREATE TABLE posting (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    connection_id UUID NOT NULL, 
    key TEXT NOT NULL, 
    state TEXT NOT NULL, 
    attempts BIGINT NOT NULL, 
    external_id TEXT, 
    external_number TEXT, 
    read_back JSONB, 
    error TEXT, 
    remedy TEXT, 
    request TEXT, 
    response TEXT, 
    intended_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    posted_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_posting PRIMARY KEY (id), 
    CONSTRAINT uq_posting_invoice_id_connection_id UNIQUE (invoice_id, connection_id)
);

CREATE TABLE project (
    name TEXT NOT NULL, 
    code TEXT NOT NULL, 
    customer_id UUID NOT NULL, 
    manager_email TEXT, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_project PRIMARY KEY (id)
);

CREATE TABLE rate_card (
    contract_id UUID NOT NULL, 
    currency TEXT NOT NULL, 
    rates JSONB NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_rate_card PRIMARY KEY (id)
);

CREATE INDEX ix_rate_card_contract_id ON rate_card (contract_id);

CREATE TABLE receivable (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    currency TEXT NOT NULL, 
    gross_minor BIGINT NOT NULL, 
    open_minor BIGINT NOT NULL, 
    issued_on DATE NOT NULL, 
    due_on DATE NOT NULL, 
    settled_at TIMESTAMP WITH TIME ZONE, 
    number_key TEXT, 
    CONSTRAINT pk_receivable PRIMARY KEY (id), 
    CONSTRAINT ck_receivable_open CHECK (abs(open_minor) <= abs(gross_minor) AND sign(open_minor) IN (0, sign(gross_minor))), 
    CONSTRAINT uq_receivable_invoice_id UNIQUE (invoice_id)
);

CREATE INDEX ix_receivable_number_key ON receivable (number_key);

CREATE INDEX ix_receivable_open ON receivable (customer_id, due_on) WHERE open_minor <> 0;

CREATE TABLE reminder (
    id UUID NOT NULL, 
    key TEXT NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    customer_id UUID NOT NULL, 
    currency TEXT NOT NULL, 
    language TEXT NOT NULL, 
    step BIGINT NOT NULL, 
    tone TEXT NOT NULL, 
    total_minor BIGINT NOT NULL, 
    positions JSONB NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_reminder PRIMARY KEY (id), 
    CONSTRAINT uq_reminder_key UNIQUE (key)
);

CREATE INDEX ix_reminder_customer_id ON reminder (customer_id);

CREATE TABLE signal (
    contract_id UUID, 
    milestone_ids UUID[] NOT NULL, 
    event TEXT NOT NULL, 
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    note TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_signal PRIMARY KEY (id)
);

CREATE INDEX ix_signal_contract_id ON signal (contract_id);

CREATE TABLE source_message (
    id UUID NOT NULL, 
    connection_id UUID, 
    source TEXT NOT NULL, 
    message_id TEXT NOT NULL, 
    type TEXT NOT NULL, 
    subject TEXT NOT NULL, 
    time TIMESTAMP WITH TIME ZONE NOT NULL, 
    sequence BIGINT, 
    data JSONB NOT NULL, 
    sha256 TEXT NOT NULL, 
    channel TEXT NOT NULL, 
    person_id UUID, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    state TEXT NOT NULL, 
    reason TEXT, 
    field TEXT, 
    applied_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_source_message PRIMARY KEY (id), 
    CONSTRAINT uq_source_message_source_message_id UNIQUE (source, message_id)
);

CREATE INDEX ix_source_message_open ON source_message (received_at) WHERE state IN ('received', 'held');

CREATE TABLE time_entry (
    contract_id UUID NOT NULL, 
    project_id UUID, 
    person_name TEXT NOT NULL, 
    person_email TEXT, 
    role TEXT NOT NULL, 
    worked_on DATE NOT NULL, 
    hours NUMERIC NOT NULL, 
    note TEXT NOT NULL, 
    status TEXT NOT NULL, 
    approved_by TEXT NOT NULL, 
    approved_at TIMESTAMP WITH TIME ZONE, 
    change_order_id UUID, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_time_entry PRIMARY KEY (id)
);

CREATE INDEX ix_time_entry_contract_id ON time_entry (contract_id);

CREATE TABLE invoice_line (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    position BIGINT NOT NULL, 
    description TEXT NOT NULL, 
    quantity NUMERIC NOT NULL, 
    unit TEXT NOT NULL, 
    unit_price NUMERIC NOT NULL, 
    net_minor BIGINT NOT NULL, 
    tax_category TEXT NOT NULL, 
    tax_rate_basis_points BIGINT NOT NULL, 
    tax_reason TEXT NOT NULL, 
    contract_id UUID NOT NULL, 
    project_id UUID, 
    milestone_id UUID, 
    change_order_id UUID, 
    clause TEXT NOT NULL, 
    service_from DATE, 
    service_to DATE, 
    evidence_ids UUID[] NOT NULL, 
    CONSTRAINT pk_invoice_line PRIMARY KEY (id), 
    CONSTRAINT fk_invoice_line_invoice_id FOREIGN KEY(invoice_id) REFERENCES invoice (id)
);

CREATE INDEX ix_invoice_line_contract_id ON invoice_line (contract_id);

CREATE INDEX ix_invoice_line_invoice_id ON invoice_line (invoice_id);

CREATE TABLE journal_line (
    id UUID NOT NULL, 
    entry_id UUID NOT NULL, 
    account TEXT NOT NULL, 
    currency TEXT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    receivable_id UUID, 
    CONSTRAINT pk_journal_line PRIMARY KEY (id), 
    CONSTRAINT fk_journal_line_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);

CREATE INDEX ix_journal_line_entry_id ON journal_line (entry_id);

CREATE TABLE payment_application (
    id UUID NOT NULL, 
    payment_id UUID NOT NULL, 
    receivable_id UUID NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    matched_by TEXT NOT NULL, 
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_payment_application PRIMARY KEY (id), 
    CONSTRAINT fk_payment_application_payment_id FOREIGN KEY(payment_id) REFERENCES payment (id), 
    CONSTRAINT fk_payment_application_receivable_id FOREIGN KEY(receivable_id) REFERENCES receivable (id)
);

CREATE INDEX ix_payment_application_payment_id ON payment_application (payment_id);

CREATE INDEX ix_payment_application_receivable_id ON payment_application (receivable_id);

CREATE TABLE allocation (
    id UUID NOT NULL, 
    line_id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    item_id UUID NOT NULL, 
    contract_version_id UUID, 
    rate_id UUID, 
    quantity NUMERIC NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    CONSTRAINT pk_allocation PRIMARY KEY (id), 
    CONSTRAINT fk_allocation_item_id FOREIGN KEY(item_id) REFERENCES billable_item (id), 
    CONSTRAINT fk_allocation_line_id FOREIGN KEY(line_id) REFERENCES invoice_line (id)
);

CREATE INDEX ix_allocation_item_id ON allocation (item_id);

CREATE INDEX ix_allocation_line_id ON allocation (line_id);

CREATE FUNCTION guard_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.issued_at IS NOT NULL AND (
            NEW.number, NEW.sequence_number, NEW.number_year, NEW.issued_at, NEW.issued_on, NEW.due_on, NEW.content_sha256,
            NEW.net_minor, NEW.tax_minor, NEW.gross_minor, NEW.currency, NEW.customer_id, NEW.legal_entity_id,
            NEW.document_type
        ) IS DISTINCT FROM (
            OLD.number, OLD.sequence_number, OLD.number_year, OLD.issued_at, OLD.issued_on, OLD.due_on, OLD.content_sha256,
            OLD.net_minor, OLD.tax_minor, OLD.gross_minor, OLD.currency, OLD.customer_id, OLD.legal_entity_id,
            OLD.document_type
        ) THEN
            RAISE EXCEPTION 'invoice %% is issued and cannot be changed', OLD.number USING ERRCODE = 'BW001';
        END IF;
        RETURN NEW;
    END $$;

CREATE TRIGGER guard_issued BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION guard_issued_invoice();

CREATE FUNCTION guard_issued_part() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        owner uuid := CASE WHEN TG_OP = 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END;
    BEGIN
        IF EXISTS (SELECT 1 FROM invoice WHERE id = owner AND issued_at IS NOT NULL) THEN
            RAISE EXCEPTION 'invoice %% is issued and cannot be changed', owner USING ERRCODE = 'BW001';
        END IF;
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END $$;

CREATE TRIGGER guard_issued BEFORE INSERT OR UPDATE OR DELETE ON invoice_line
        FOR EACH ROW EXECUTE FUNCTION guard_issued_part();

CREATE TRIGGER guard_issued BEFORE INSERT OR UPDATE OR DELETE ON allocation
        FOR EACH ROW EXECUTE FUNCTION guard_issued_part();

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- Running upgrade 0001 -> 0002

CREATE TABLE waiver (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    finding_id UUID NOT NULL, 
    rule TEXT NOT NULL, 
    code TEXT NOT NULL, 
    subject TEXT NOT NULL, 
    message TEXT NOT NULL, 
    content_sha256 TEXT NOT NULL, 
    state TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    evidence TEXT NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    asked_by UUID NOT NULL, 
    asked_by_name TEXT NOT NULL, 
    asked_by_email TEXT, 
    decided_at TIMESTAMP WITH TIME ZONE, 
    decided_by UUID, 
    decided_by_name TEXT, 
    decided_by_email TEXT, 
    decision_reason TEXT, 
    dropped_at TIMESTAMP WITH TIME ZONE, 
    dropped_why TEXT, 
    CONSTRAINT pk_waiver PRIMARY KEY (id)
);

CREATE INDEX ix_waiver_invoice_id ON waiver (invoice_id);

CREATE INDEX ix_waiver_waiting ON waiver (asked_at) WHERE state = 'waiting';

CREATE UNIQUE INDEX uq_waiver_open_finding ON waiver (finding_id) WHERE state IN ('waiting', 'granted');

ALTER TABLE invoice ADD COLUMN content_version BIGINT DEFAULT '1' NOT NULL;

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE saved_view (
    id UUID NOT NULL, 
    person_id UUID NOT NULL, 
    list_name TEXT NOT NULL, 
    name TEXT NOT NULL, 
    shared BOOLEAN NOT NULL, 
    filters JSONB NOT NULL, 
    columns TEXT[] NOT NULL, 
    sort_order TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_saved_view PRIMARY KEY (id), 
    CONSTRAINT uq_saved_view_person_id_list_name_name UNIQUE (person_id, list_name, name)
);

CREATE INDEX ix_saved_view_list ON saved_view (list_name);

CREATE TABLE list_choice (
    person_id UUID NOT NULL, 
    list_name TEXT NOT NULL, 
    columns TEXT[], 
    view_id UUID, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_list_choice PRIMARY KEY (person_id, list_name), 
    CONSTRAINT fk_list_choice_view_id FOREIGN KEY(view_id) REFERENCES saved_view (id) ON DELETE SET NULL
);

CREATE INDEX ix_invoice_updated ON invoice (updated_at, id);

CREATE INDEX ix_receivable_due ON receivable (due_on, id);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE webhook_event (
    id UUID NOT NULL, 
    type TEXT NOT NULL, 
    object_kind TEXT NOT NULL, 
    object_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    data JSONB, 
    CONSTRAINT pk_webhook_event PRIMARY KEY (id)
);

CREATE INDEX ix_webhook_event_at ON webhook_event (at);

CREATE TABLE webhook_subscription (
    id UUID NOT NULL, 
    owner TEXT NOT NULL, 
    partner_subscription_id UUID, 
    name TEXT NOT NULL, 
    url TEXT NOT NULL, 
    event_types TEXT[] NOT NULL, 
    contact_email TEXT NOT NULL, 
    secret TEXT NOT NULL, 
    old_secret TEXT, 
    old_secret_until TIMESTAMP WITH TIME ZONE, 
    state TEXT NOT NULL, 
    failures BIGINT NOT NULL, 
    failing_since TIMESTAMP WITH TIME ZONE, 
    retry_at TIMESTAMP WITH TIME ZONE, 
    warned_at TIMESTAMP WITH TIME ZONE, 
    reason TEXT, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_webhook_subscription PRIMARY KEY (id), 
    CONSTRAINT uq_webhook_subscription_owner_name UNIQUE (owner, name)
);

CREATE TABLE webhook_delivery (
    id UUID NOT NULL, 
    subscription_id UUID NOT NULL, 
    event_id UUID NOT NULL, 
    object_id UUID NOT NULL, 
    state TEXT NOT NULL, 
    attempts BIGINT NOT NULL, 
    next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    busy_until TIMESTAMP WITH TIME ZONE, 
    since TIMESTAMP WITH TIME ZONE NOT NULL, 
    outcome TEXT, 
    delivered_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (id), 
    CONSTRAINT fk_webhook_delivery_event_id FOREIGN KEY(event_id) REFERENCES webhook_event (id), 
    CONSTRAINT fk_webhook_delivery_subscription_id FOREIGN KEY(subscription_id) REFERENCES webhook_subscription (id), 
    CONSTRAINT uq_webhook_delivery_subscription_id_event_id UNIQUE (subscription_id, event_id)
);

CREATE INDEX ix_webhook_delivery_waiting ON webhook_delivery (subscription_id, object_id, event_id) WHERE state = 'waiting';

CREATE TABLE webhook_attempt (
    id UUID NOT NULL, 
    delivery_id UUID NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    duration_ms BIGINT NOT NULL, 
    status BIGINT, 
    outcome TEXT NOT NULL, 
    request_headers JSONB NOT NULL, 
    request_body TEXT NOT NULL, 
    response_headers JSONB, 
    response_body TEXT, 
    CONSTRAINT pk_webhook_attempt PRIMARY KEY (id), 
    CONSTRAINT fk_webhook_attempt_delivery_id FOREIGN KEY(delivery_id) REFERENCES webhook_delivery (id)
);

CREATE INDEX ix_webhook_attempt_delivery_id ON webhook_attempt (delivery_id);

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

ALTER TABLE acceptance ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE change_order ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE contract ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE customer ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE evidence ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE expense ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE milestone ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE project ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE rate_card ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE signal ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE time_entry ADD COLUMN earlier_makers UUID[] DEFAULT '{}' NOT NULL;

UPDATE alembic_version SET version_num='0005' WHERE alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

CREATE TABLE breaker (
    key TEXT NOT NULL, 
    failures BIGINT NOT NULL, 
    times_opened BIGINT NOT NULL, 
    opened_at TIMESTAMP WITH TIME ZONE, 
    retry_at TIMESTAMP WITH TIME ZONE, 
    probe_until TIMESTAMP WITH TIME ZONE, 
    reason TEXT, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_breaker PRIMARY KEY (key)
);

UPDATE alembic_version SET version_num='0006' WHERE alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

ALTER TABLE exception ADD COLUMN paused_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE exception ADD COLUMN paused_until TIMESTAMP WITH TIME ZONE;

ALTER TABLE exception ADD COLUMN paused_why TEXT;

ALTER TABLE exception ADD COLUMN left_s BIGINT;

UPDATE alembic_version SET version_num='0007' WHERE alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

CREATE INDEX ix_invoice_customer ON invoice (customer_id, issued_at);

UPDATE alembic_version SET version_num='0008' WHERE alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

CREATE INDEX ix_webhook_delivery_failed ON webhook_delivery (subscription_id, id) WHERE state = 'failed';

UPDATE alembic_version SET version_num='0009' WHERE alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

ALTER TABLE breaker ADD COLUMN budget_full_at TIMESTAMP WITH TIME ZONE;

UPDATE alembic_version SET version_num='0010' WHERE alembic_version.version_num = '0009';

-- Running upgrade 0010 -> 0011

CREATE TABLE correction_decision (
    correction_id UUID NOT NULL, 
    decision TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    decided_by UUID NOT NULL, 
    decided_by_name TEXT NOT NULL, 
    proposed_by UUID NOT NULL, 
    CONSTRAINT pk_correction_decision PRIMARY KEY (correction_id), 
    CONSTRAINT ck_correction_decision_decided_by_another CHECK ((decision = 'withdrawn') = (decided_by = proposed_by))
);

CREATE TABLE held_message (
    message_id UUID NOT NULL, 
    why TEXT NOT NULL, 
    object_kind TEXT, 
    object_ref TEXT, 
    held_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    tries BIGINT NOT NULL, 
    tried_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    assignee_id UUID, 
    snoozed_until TIMESTAMP WITH TIME ZONE, 
    note TEXT, 
    proposal_id UUID, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    closed_how TEXT, 
    closed_by UUID, 
    CONSTRAINT pk_held_message PRIMARY KEY (message_id)
);

CREATE INDEX ix_held_message_object ON held_message (object_kind, object_ref) WHERE closed_at IS NULL AND object_ref IS NOT NULL;

CREATE TABLE message_correction (
    id UUID NOT NULL, 
    message_id UUID NOT NULL, 
    type TEXT NOT NULL, 
    data JSONB NOT NULL, 
    before_sha256 TEXT NOT NULL, 
    after_sha256 TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    proposed_by UUID NOT NULL, 
    proposed_by_name TEXT NOT NULL, 
    proposed_by_email TEXT, 
    CONSTRAINT pk_message_correction PRIMARY KEY (id)
);

CREATE INDEX ix_message_correction_message_id ON message_correction (message_id);

ALTER TABLE source_message ADD COLUMN correction_id UUID;

INSERT INTO held_message (message_id, why, object_kind, object_ref, held_at, tries, tried_at) SELECT id, CASE WHEN field IS DISTINCT FROM 'type' THEN 'wrong_content' WHEN starts_with(reason, 'No mapping') THEN 'no_mapping' ELSE 'unknown_version' END, CASE WHEN starts_with(type, 'billwright.') AND data ->> 'ref' IS NOT NULL THEN substring(type FROM '^billwright[.](.*)[.]v[0-9]+$') END, CASE WHEN starts_with(type, 'billwright.') THEN data ->> 'ref' END, received_at, 1, coalesce(applied_at, received_at) FROM source_message WHERE state = 'held';

UPDATE alembic_version SET version_num='0011' WHERE alembic_version.version_num = '0010';

-- Running upgrade 0011 -> 0012

CREATE INDEX ix_webhook_delivery_log ON webhook_delivery (subscription_id, id);

CREATE INDEX ix_webhook_delivery_skipped ON webhook_delivery (subscription_id, id) WHERE state = 'skipped';

UPDATE alembic_version SET version_num='0012' WHERE alembic_version.version_num = '0011';

-- Running upgrade 0012 -> 0013

CREATE TABLE journal_export (
    id UUID NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    number BIGINT NOT NULL, 
    layout TEXT NOT NULL, 
    accounts JSONB NOT NULL, 
    first_on DATE NOT NULL, 
    last_on DATE NOT NULL, 
    entries BIGINT NOT NULL, 
    sha256 TEXT NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    made_by_name TEXT NOT NULL, 
    CONSTRAINT pk_journal_export PRIMARY KEY (id), 
    CONSTRAINT uq_journal_export_legal_entity_id_number UNIQUE (legal_entity_id, number)
);

CREATE TABLE rate_day (
    source TEXT NOT NULL, 
    "on" DATE NOT NULL, 
    per_euro JSONB NOT NULL, 
    file_id UUID NOT NULL, 
    CONSTRAINT pk_rate_day PRIMARY KEY (source, "on")
);

CREATE TABLE rate_file (
    id UUID NOT NULL, 
    source TEXT NOT NULL, 
    sha256 TEXT NOT NULL, 
    first_on DATE NOT NULL, 
    last_on DATE NOT NULL, 
    days BIGINT NOT NULL, 
    loaded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    loaded_by_name TEXT NOT NULL, 
    CONSTRAINT pk_rate_file PRIMARY KEY (id)
);

CREATE TABLE journal_export_entry (
    entry_id UUID NOT NULL, 
    export_id UUID NOT NULL, 
    CONSTRAINT pk_journal_export_entry PRIMARY KEY (entry_id), 
    CONSTRAINT fk_journal_export_entry_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id), 
    CONSTRAINT fk_journal_export_entry_export_id FOREIGN KEY(export_id) REFERENCES journal_export (id)
);

CREATE INDEX ix_journal_export_entry_export_id ON journal_export_entry (export_id);

CREATE TABLE write_off (
    id UUID NOT NULL, 
    receivable_id UUID NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    state TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    note TEXT NOT NULL, 
    asked_by UUID, 
    asked_by_name TEXT NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    decided_by UUID, 
    decided_by_name TEXT NOT NULL, 
    decided_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_write_off PRIMARY KEY (id), 
    CONSTRAINT ck_write_off_amount CHECK (amount_minor > 0), 
    CONSTRAINT fk_write_off_receivable_id FOREIGN KEY(receivable_id) REFERENCES receivable (id)
);

CREATE INDEX ix_write_off_receivable ON write_off (receivable_id);

ALTER TABLE journal_entry ADD COLUMN base_currency TEXT;

ALTER TABLE journal_entry ADD COLUMN rates JSONB;

CREATE INDEX ix_journal_entry_booked ON journal_entry (legal_entity_id, booked_on);

ALTER TABLE journal_line ADD COLUMN base_minor BIGINT;

ALTER TABLE journal_line ADD COLUMN role TEXT DEFAULT '' NOT NULL;

CREATE INDEX ix_journal_line_receivable_id ON journal_line (receivable_id);

UPDATE alembic_version SET version_num='0013' WHERE alembic_version.version_num = '0012';

-- Running upgrade 0013 -> 0014

CREATE TABLE credit_note (
    invoice_id UUID NOT NULL, 
    credits_invoice_id UUID NOT NULL, 
    reason_code TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    outcome TEXT NOT NULL, 
    taxes JSONB NOT NULL, 
    asked_by_name TEXT NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_credit_note PRIMARY KEY (invoice_id)
);

CREATE TABLE void_request (
    id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    state TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    asked_by UUID NOT NULL, 
    asked_by_name TEXT NOT NULL, 
    asked_by_email TEXT, 
    decided_at TIMESTAMP WITH TIME ZONE, 
    decided_by UUID, 
    decided_by_name TEXT, 
    CONSTRAINT pk_void_request PRIMARY KEY (id)
);

CREATE INDEX ix_void_request_invoice_id ON void_request (invoice_id);

CREATE UNIQUE INDEX uq_void_request_open ON void_request (invoice_id) WHERE state = 'asked';

CREATE TABLE credit_application (
    id UUID NOT NULL, 
    credit_id UUID NOT NULL, 
    receivable_id UUID NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    applied_by TEXT NOT NULL, 
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_credit_application PRIMARY KEY (id), 
    CONSTRAINT fk_credit_application_credit_id FOREIGN KEY(credit_id) REFERENCES receivable (id), 
    CONSTRAINT fk_credit_application_receivable_id FOREIGN KEY(receivable_id) REFERENCES receivable (id)
);

CREATE INDEX ix_credit_application_credit_id ON credit_application (credit_id);

CREATE INDEX ix_credit_application_receivable_id ON credit_application (receivable_id);

CREATE TABLE refund (
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    credit_id UUID NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    paid_on DATE NOT NULL, 
    made_by TEXT NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_refund PRIMARY KEY (id), 
    CONSTRAINT ck_refund_amount CHECK (amount_minor > 0), 
    CONSTRAINT fk_refund_credit_id FOREIGN KEY(credit_id) REFERENCES receivable (id), 
    CONSTRAINT uq_refund_ref UNIQUE (ref)
);

CREATE INDEX ix_refund_credit_id ON refund (credit_id);

ALTER TABLE allocation ADD COLUMN credits_id UUID;

CREATE INDEX ix_allocation_credits ON allocation (credits_id) WHERE credits_id IS NOT NULL;

ALTER TABLE billable_item ADD COLUMN kept_quantity NUMERIC DEFAULT '0' NOT NULL;

ALTER TABLE billable_item ADD COLUMN kept_minor BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE billable_item ADD COLUMN written_off_quantity NUMERIC DEFAULT '0' NOT NULL;

ALTER TABLE billable_item ADD COLUMN written_off_minor BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE billable_item ADD COLUMN rebill_of UUID;

ALTER TABLE dispute ADD COLUMN credit_note_id UUID;

ALTER TABLE invoice ADD COLUMN credits_invoice_id UUID;

ALTER TABLE invoice ADD COLUMN replaces_invoice_id UUID;

CREATE INDEX ix_invoice_credits ON invoice (credits_invoice_id) WHERE credits_invoice_id IS NOT NULL;

UPDATE alembic_version SET version_num='0014' WHERE alembic_version.version_num = '0013';

-- Running upgrade 0014 -> 0015

CREATE TABLE cap_notice (
    contract_id UUID NOT NULL, 
    cap TEXT NOT NULL, 
    percent BIGINT NOT NULL, 
    limit_minor BIGINT NOT NULL, 
    told_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_cap_notice PRIMARY KEY (contract_id, cap, percent, limit_minor)
);

CREATE TABLE item_adjustment (
    id UUID NOT NULL, 
    item_id UUID NOT NULL, 
    standard_minor BIGINT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    reason_code TEXT NOT NULL, 
    text TEXT NOT NULL, 
    withdrawn BOOLEAN NOT NULL, 
    person_id UUID, 
    person_email TEXT, 
    actor_name TEXT NOT NULL, 
    made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_item_adjustment PRIMARY KEY (id), 
    CONSTRAINT fk_item_adjustment_item_id FOREIGN KEY(item_id) REFERENCES billable_item (id)
);

CREATE INDEX ix_item_adjustment_item_id ON item_adjustment (item_id);

ALTER TABLE billable_item ADD COLUMN worked NUMERIC;

ALTER TABLE billable_item ADD COLUMN standard_minor BIGINT;

ALTER TABLE billable_item ADD COLUMN adjusted_by TEXT DEFAULT '' NOT NULL;

ALTER TABLE billable_item ADD COLUMN adjustment_id UUID;

ALTER TABLE billable_item ADD COLUMN caps TEXT[];

ALTER TABLE contract ADD COLUMN ended_on DATE;

ALTER TABLE contract ADD COLUMN time_terms JSONB;

ALTER TABLE contract ADD COLUMN expense_terms JSONB;

ALTER TABLE expense ADD COLUMN tax_amount NUMERIC;

ALTER TABLE expense ADD COLUMN distance NUMERIC;

ALTER TABLE expense ADD COLUMN distance_unit TEXT DEFAULT 'km' NOT NULL;

ALTER TABLE expense ADD COLUMN per_diem_country TEXT;

ALTER TABLE expense ADD COLUMN day_fraction NUMERIC DEFAULT '1' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN standard_minor BIGINT;

ALTER TABLE invoice_line ADD COLUMN adjusted_by TEXT DEFAULT '' NOT NULL;

ALTER TABLE time_entry ADD COLUMN work_kind TEXT DEFAULT '' NOT NULL;

ALTER TABLE time_entry ADD COLUMN corrects_id UUID;

UPDATE alembic_version SET version_num='0015' WHERE alembic_version.version_num = '0014';

-- Running upgrade 0015 -> 0016

CREATE TABLE billing_schedule (
    contract_id UUID NOT NULL, 
    number TEXT NOT NULL, 
    name TEXT NOT NULL, 
    clause TEXT NOT NULL, 
    service_line TEXT NOT NULL, 
    change_order_id UUID, 
    terms JSONB NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    earlier_makers UUID[] DEFAULT '{}' NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_billing_schedule PRIMARY KEY (id)
);

CREATE INDEX ix_billing_schedule_contract_id ON billing_schedule (contract_id);

CREATE TABLE usage_record (
    contract_id UUID NOT NULL, 
    schedule_id UUID NOT NULL, 
    schedule_ref TEXT NOT NULL, 
    used_on DATE NOT NULL, 
    quantity NUMERIC NOT NULL, 
    note TEXT NOT NULL, 
    status TEXT NOT NULL, 
    approved_by TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    earlier_makers UUID[] DEFAULT '{}' NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_usage_record PRIMARY KEY (id)
);

CREATE INDEX ix_usage_record_contract_id ON usage_record (contract_id);

CREATE TABLE progress_report (
    contract_id UUID NOT NULL, 
    schedule_id UUID NOT NULL, 
    schedule_ref TEXT NOT NULL, 
    number TEXT NOT NULL, 
    as_of DATE NOT NULL, 
    items JSONB NOT NULL, 
    status TEXT NOT NULL, 
    approved_by TEXT NOT NULL, 
    id UUID NOT NULL, 
    ref TEXT NOT NULL, 
    message_id UUID, 
    source_time TIMESTAMP WITH TIME ZONE NOT NULL, 
    source_sequence BIGINT, 
    source_key TEXT DEFAULT '' NOT NULL, 
    made_by UUID, 
    earlier_makers UUID[] DEFAULT '{}' NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_progress_report PRIMARY KEY (id)
);

CREATE INDEX ix_progress_report_contract_id ON progress_report (contract_id);

ALTER TABLE milestone ADD COLUMN depends_on_ids UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE milestone ADD COLUMN draw_down_percent NUMERIC;

ALTER TABLE milestone ADD COLUMN service_line TEXT DEFAULT '' NOT NULL;

ALTER TABLE acceptance ADD COLUMN accepted_percent NUMERIC;

ALTER TABLE billable_item ADD COLUMN follows TEXT;

ALTER TABLE billable_item ADD COLUMN service_line TEXT DEFAULT '' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN service_line TEXT DEFAULT '' NOT NULL;

UPDATE alembic_version SET version_num='0016' WHERE alembic_version.version_num = '0015';

-- Running upgrade 0016 -> 0017

ALTER TABLE contract ADD COLUMN holdback JSONB;

ALTER TABLE contract ADD COLUMN billing_policy JSONB;

ALTER TABLE contract ADD COLUMN bill_to JSONB;

ALTER TABLE contract ADD COLUMN bill_to_ids UUID[] DEFAULT '{}' NOT NULL;

ALTER TABLE project ADD COLUMN cost_centre TEXT DEFAULT '' NOT NULL;

ALTER TABLE billable_item ADD COLUMN share_of TEXT DEFAULT '' NOT NULL;

ALTER TABLE invoice ADD COLUMN holdback JSONB;

ALTER TABLE receivable ADD COLUMN retained_minor BIGINT DEFAULT '0' NOT NULL;

CREATE TABLE holdback_balance (
    id UUID NOT NULL, 
    contract_id UUID NOT NULL, 
    legal_entity_id UUID NOT NULL, 
    currency TEXT NOT NULL, 
    mode TEXT NOT NULL, 
    billed_minor BIGINT DEFAULT '0' NOT NULL, 
    withheld_minor BIGINT DEFAULT '0' NOT NULL, 
    released_minor BIGINT DEFAULT '0' NOT NULL, 
    outstanding_minor BIGINT DEFAULT '0' NOT NULL, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_holdback_balance PRIMARY KEY (id), 
    CONSTRAINT ck_holdback_balance_sums CHECK (withheld_minor = released_minor + outstanding_minor), 
    CONSTRAINT ck_holdback_balance_signs CHECK (released_minor >= 0 AND outstanding_minor >= 0), 
    CONSTRAINT uq_holdback_balance_contract_id_legal_entity_id_currency_mode UNIQUE (contract_id, legal_entity_id, currency, mode)
);

CREATE TABLE holdback_entry (
    id UUID NOT NULL, 
    balance_id UUID NOT NULL, 
    invoice_id UUID NOT NULL, 
    kind TEXT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    base_minor BIGINT NOT NULL, 
    release TEXT NOT NULL, 
    due_on DATE, 
    credit_invoice_id UUID, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_holdback_entry PRIMARY KEY (id), 
    CONSTRAINT ck_holdback_entry_amount CHECK (amount_minor > 0), 
    CONSTRAINT fk_holdback_entry_balance_id_holdback_balance FOREIGN KEY(balance_id) REFERENCES holdback_balance (id)
);

CREATE INDEX ix_holdback_entry_balance_id ON holdback_entry (balance_id);

CREATE INDEX ix_holdback_entry_invoice_id ON holdback_entry (invoice_id);

UPDATE alembic_version SET version_num='0017' WHERE alembic_version.version_num = '0016';

-- Running upgrade 0017 -> 0018

CREATE TABLE einvoice_check (
    invoice_id UUID NOT NULL, 
    basis_sha256 TEXT NOT NULL, 
    format TEXT NOT NULL, 
    failed BOOLEAN NOT NULL, 
    findings JSONB NOT NULL, 
    rule_sets JSONB NOT NULL, 
    checked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_einvoice_check PRIMARY KEY (invoice_id)
);

ALTER TABLE customer ADD COLUMN einvoice JSONB;

UPDATE alembic_version SET version_num='0018' WHERE alembic_version.version_num = '0017';

-- Running upgrade 0018 -> 0019

CREATE TABLE vat_check (
    id UUID NOT NULL, 
    tax_id TEXT NOT NULL, 
    customer_id UUID NOT NULL, 
    connection TEXT NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    answer TEXT NOT NULL, 
    registered_name TEXT NOT NULL, 
    registered_address TEXT NOT NULL, 
    consultation TEXT NOT NULL, 
    requester TEXT NOT NULL, 
    CONSTRAINT pk_vat_check PRIMARY KEY (id)
);

CREATE INDEX ix_vat_check_tax_id ON vat_check (tax_id, asked_at);

CREATE TABLE vat_standing (
    tax_id TEXT NOT NULL, 
    answer TEXT NOT NULL, 
    check_id UUID NOT NULL, 
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_vat_standing PRIMARY KEY (tax_id)
);

ALTER TABLE customer ADD COLUMN tax JSONB;

ALTER TABLE invoice ADD COLUMN tax_problems JSONB DEFAULT '[]' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN tax_exemption_code TEXT DEFAULT '' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN tax_reason_key TEXT DEFAULT '' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN tax_rule TEXT DEFAULT '' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN tax_components JSONB DEFAULT '[]' NOT NULL;

ALTER TABLE invoice_line ADD COLUMN tax_evidence JSONB DEFAULT '{}' NOT NULL;

UPDATE alembic_version SET version_num='0019' WHERE alembic_version.version_num = '0018';
