-- Everything that the migrations make, one line each, from the catalogue.
with space as (
    select oid, nspname, nspowner, nspacl from pg_namespace where nspname in ('public', 'rampart')
), relation as (
    select c.*, s.nspname || '.' || c.relname as name
    from pg_class c join space s on s.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'S')
), line (line) as (
    select format('%s %s rls=%s forced=%s options=%s', case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
                  name, relrowsecurity, relforcerowsecurity, reloptions)
    from relation
    union all
    select format('column %s.%s %s null=%s default=%s identity=%s generated=%s', r.name, a.attname,
                  format_type(a.atttypid, a.atttypmod), not a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
                  a.attgenerated)
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    union all
    select format('definition %s %s', name, pg_get_viewdef(oid)) from relation where relkind in ('v', 'm')
    union all
    select format('constraint %s %s %s', r.name, k.conname, pg_get_constraintdef(k.oid))
    from relation r join pg_constraint k on k.conrelid = r.oid
    union all
    select format('index %s', pg_get_indexdef(i.indexrelid)) from relation r join pg_index i on i.indrelid = r.oid
    union all
    select format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
    from relation r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
    union all
    select format('policy %s %s %s permissive=%s to=%s using=%s check=%s', r.name, p.polname, p.polcmd, p.polpermissive,
                  p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from relation r join pg_policy p on p.polrelid = r.oid
    union all
    select format('function %s', pg_get_functiondef(p.oid)) from pg_proc p join space s on s.oid = p.pronamespace
    where p.prokind in ('f', 'p')
    union all
    select format('grant %s %s to %s', g.privilege_type, r.name, 
                  case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
    from relation r
    cross join aclexplode(coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))) g
    union all
    select format('grant %s %s.%s to %s', g.privilege_type, r.name, a.attname, g.grantee::regrole)
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attacl is not null cross join aclexplode(a.attacl) g
    union all
    select format('grant %s %s to %s', g.privilege_type, p.oid::regprocedure,
                  case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
    from pg_proc p join space s on s.oid = p.pronamespace
    cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    union all
    select format('grant %s schema %s to %s', g.privilege_type, s.nspname,
                  case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
    from space s cross join aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) g
)
select line from line where line not like '%\_sqlx\_migrations%' order by line collate "C"
