"""Whether roles and grants keep tenants apart, read from PostgreSQL's own catalog.

Raw SQL: the catalog's privilege functions have no other form. Every statement takes ``tenant`` (its id), ``role`` and
``schema``, runs in the control plane, and gives one row per offender: ``subject`` and what it ``may`` do.
"""

from typing import Final

from sqlalchemy import text

OTHER_SCHEMAS: Final = text(
    """
    SELECT other.slug AS subject, 'reach the schema of ' || other.slug AS may
      FROM control.tenant other
      JOIN pg_namespace namespace ON namespace.nspname = other.schema_name
     WHERE other.id <> :tenant AND has_schema_privilege(:role, namespace.oid, 'USAGE, CREATE')
    """
)
ROLE: Final = text(
    """
    SELECT CAST(:role AS text) AS subject, 'log in, make roles or pass row security' AS may
      FROM pg_roles WHERE rolname = :role
       AND (rolsuper OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)
     UNION ALL
    SELECT granted.rolname, 'act as ' || granted.rolname
      FROM pg_auth_members membership
      JOIN pg_roles member ON member.oid = membership.member AND member.rolname = :role
      JOIN pg_roles granted ON granted.oid = membership.roleid
     WHERE granted.rolname <> 'billwright_tenant'
     UNION ALL
    SELECT CAST(:role AS text), 'not even exist' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)
    """
)
CONTROL_TABLES: Final = text(
    """
    SELECT 'control.' || relation.relname AS subject, 'use control.' || relation.relname AS may
      FROM pg_class relation
     WHERE relation.relnamespace = 'control'::regnamespace AND relation.relkind IN ('r', 'p', 'v')
       AND CASE relation.relname
           WHEN 'job' THEN has_table_privilege(:role, relation.oid, 'DELETE, TRUNCATE')
           ELSE has_table_privilege(:role, relation.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
             OR has_any_column_privilege(:role, relation.oid, 'SELECT, INSERT, UPDATE') END
    """
)
APPLICATION: Final = text(
    """
    SELECT relation.relname AS subject, 'use ' || relation.relname || ' without being bound to the tenant' AS may
      FROM pg_class relation
     WHERE relation.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :schema)
       AND relation.relkind IN ('r', 'p', 'v')
       AND (has_table_privilege(:application, relation.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
            OR pg_get_userbyid(relation.relowner) = :application)
    """
)
JOBS: Final = text(
    """
    SELECT 'control.job' AS subject, 'see every tenant''s jobs: row security is off' AS may
      FROM pg_class WHERE oid = 'control.job'::regclass AND NOT relrowsecurity
     UNION ALL
    SELECT 'control.job', 'see more jobs by the policy ' || policyname
      FROM pg_policies
     WHERE schemaname = 'control' AND tablename = 'job' AND permissive = 'PERMISSIVE'
       AND EXISTS (SELECT FROM unnest(roles) AS named (role)
                    WHERE named.role = 'public' OR named.role <> :application AND pg_has_role(:role, named.role, 'USAGE'))
       AND (qual IS DISTINCT FROM '(role_name = CURRENT_USER)'
            OR coalesce(with_check, qual) IS DISTINCT FROM '(role_name = CURRENT_USER)')
     UNION ALL
    SELECT 'job_' || replace(job.id::text, '-', ''), 'see a job of another tenant'
      FROM control.job JOIN control.tenant owner ON owner.id = job.tenant_id
     WHERE (job.role_name = :role) <> (owner.id = :tenant)
    """
)
# Column privileges count: a role with UPDATE on one column changes history as well.
APPEND_ONLY: Final = text(
    """
    SELECT relation.relname AS subject, 'change or delete what is in ' || relation.relname || ': ' || who.role AS may
      FROM pg_class relation
      JOIN pg_namespace namespace ON namespace.oid = relation.relnamespace
     CROSS JOIN (VALUES (CAST(:role AS text)), (CAST(:application AS text))) AS who (role)
     WHERE (namespace.nspname = :schema AND relation.relname = ANY(:tables)
            OR namespace.nspname = 'control' AND relation.relname = 'audit_entry')
       AND (has_table_privilege(who.role, relation.oid, 'DELETE, TRUNCATE')
            OR has_any_column_privilege(who.role, relation.oid, 'UPDATE'))
    """
)
