-- Storage: photos of parts, what came with deliveries, and printed labels.
--
-- On Supabase the schema `storage` exists and belongs to another role; elsewhere we make
-- enough of it for the same policies to work in both places. What the platform does not
-- let us do there is told as a warning with a hint, and never fails the migration.
--
-- A path begins with the id of the yacht, and everything hangs on that: the policies
-- compare it with the user's yacht, and a trigger refuses a path that names no yacht.

do $$
begin
    if to_regnamespace('storage') is null then
        create schema storage;
    end if;

    if to_regclass('storage.buckets') is null then
        create table storage.buckets (
            id text primary key,
            name text not null unique,
            public boolean not null default false,
            file_size_limit bigint,
            allowed_mime_types text[],
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
    end if;

    if to_regclass('storage.objects') is null then
        create table storage.objects (
            id uuid primary key default gen_random_uuid(),
            bucket_id text not null references storage.buckets (id),
            name text not null,
            owner uuid,
            metadata jsonb,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            last_accessed_at timestamptz not null default now(),
            path_tokens text[] generated always as (string_to_array(name, '/')) stored,
            -- Also the index of the foreign key.
            unique (bucket_id, name)
        );
    end if;

    if to_regprocedure('storage.foldername(text)') is null then
        create function storage.foldername(name text) returns text[]
        language sql immutable
        as $f$
            select (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1]
        $f$;
    end if;
exception when insufficient_privilege then
    raise warning 'could not make the schema storage: %', sqlerrm
        using hint = 'make it as the owner of the database, or let Supabase do it, and migrate again';
end
$$;

-- Which folder of bytes belongs to this database. Two databases behind one data directory
-- must not take each other's files for orphans.
create table if not exists public.storage_home (
    id uuid primary key default gen_random_uuid(),
    only_row boolean not null default true unique check (only_row)
);
alter table public.storage_home enable row level security;
revoke all on public.storage_home from public, anon, authenticated, service_role, rampart_app;
insert into public.storage_home default values on conflict do nothing;

create or replace function public.rampart_storage_home()
returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (select h.id from public.storage_home h);
end
$$;

-- Those of the given ids that no object has: bytes that may go.
-- An owner who is kept from the rows by row level security must get an error here, not silence: every file would pass
-- for an orphan.
create or replace function public.rampart_storage_orphans(p_ids uuid[])
returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set row_security = off
as $$
begin
    return query
    select i.id
    from unnest(p_ids) as i (id)
    where not exists (select from storage.objects o where o.id = i.id);
end
$$;

-- The yacht for which the daemon works when it is called with the service key alone.
create or replace function public.rampart_service_yacht(p_code text)
returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (select y.id from public.yachts y where y.code = p_code);
end
$$;

create or replace function public.storage_check_yacht()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if new.bucket_id in ('pms-part-photos', 'pms-receiving-images', 'pms-label-pdfs')
        and not exists (
            select from public.yachts y where y.id::text = split_part(new.name, '/', 1)
        ) then
        raise exception 'the path must begin with the id of a yacht'
            using errcode = 'P0403', detail = 'RLS_DENIED';
    end if;
    return new;
end
$$;

revoke all on function
    public.rampart_storage_home(),
    public.rampart_storage_orphans(uuid[]),
    public.rampart_service_yacht(text),
    public.storage_check_yacht()
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function
    public.rampart_storage_home(),
    public.rampart_storage_orphans(uuid[]),
    public.rampart_service_yacht(text)
    to rampart_app;

-- Who may do what. There is no policy for update: a photo is evidence, and who wants
-- another one uploads another one. The last one is for calls with the service key: they
-- do not run as service_role, which may have been allowed to walk past row level
-- security, but as the daemon's own role and for the one yacht it has named.
do $$
begin
    drop policy if exists crew_select_own_yacht_objects on storage.objects;
    create policy crew_select_own_yacht_objects on storage.objects
        for select to authenticated
        using (
            bucket_id in ('pms-part-photos', 'pms-receiving-images', 'pms-label-pdfs')
            and (storage.foldername(name))[1] = (select public.get_user_yacht_id())::text
        );

    drop policy if exists operational_insert_part_photos on storage.objects;
    create policy operational_insert_part_photos on storage.objects
        for insert to authenticated
        with check (
            bucket_id = 'pms-part-photos'
            and (storage.foldername(name))[1] = (select public.get_user_yacht_id())::text
            and (storage.foldername(name))[2] = 'parts'
            and (select public.is_operational_crew(
                (select auth.uid()), (select public.get_user_yacht_id())
            ))
        );

    drop policy if exists operational_insert_receiving_images on storage.objects;
    create policy operational_insert_receiving_images on storage.objects
        for insert to authenticated
        with check (
            bucket_id = 'pms-receiving-images'
            and (storage.foldername(name))[1] = (select public.get_user_yacht_id())::text
            and (storage.foldername(name))[2] = 'receiving'
            and (select public.is_operational_crew(
                (select auth.uid()), (select public.get_user_yacht_id())
            ))
        );

    drop policy if exists hod_insert_label_pdfs on storage.objects;
    create policy hod_insert_label_pdfs on storage.objects
        for insert to authenticated
        with check (
            bucket_id = 'pms-label-pdfs'
            and (storage.foldername(name))[1] = (select public.get_user_yacht_id())::text
            and (storage.foldername(name))[2] = 'labels'
            and (select public.get_user_role()) in (
                'chief_engineer', 'chief_officer', 'captain', 'manager'
            )
        );

    drop policy if exists manager_delete_objects on storage.objects;
    create policy manager_delete_objects on storage.objects
        for delete to authenticated
        using (
            bucket_id in ('pms-part-photos', 'pms-receiving-images', 'pms-label-pdfs')
            and (storage.foldername(name))[1] = (select public.get_user_yacht_id())::text
            and (select public.is_manager(
                (select auth.uid()), (select public.get_user_yacht_id())
            ))
        );

    drop policy if exists service_key_named_yacht on storage.objects;
    create policy service_key_named_yacht on storage.objects
        for all to rampart_app
        using (
            bucket_id in ('pms-part-photos', 'pms-receiving-images', 'pms-label-pdfs')
            and (storage.foldername(name))[1]
                = (select current_setting('rampart.service_yacht', true))
        );
exception when insufficient_privilege then
    raise warning 'could not make the policies of storage.objects: %', sqlerrm
        using hint = 'run this block of 0021_storage.sql as the owner of storage.objects';
end
$$;

-- The rest only where the tables are ours: Supabase has granted its own already.
do $$
begin
    if (select c.relowner::regrole::text from pg_catalog.pg_class c
        where c.oid = to_regclass('storage.objects')) is distinct from current_user::regrole::text then
        return;
    end if;
    alter table storage.buckets enable row level security;
    alter table storage.objects enable row level security;
    revoke all on schema storage from public, anon, authenticated, service_role, rampart_app;
    revoke all on storage.buckets, storage.objects
        from public, anon, authenticated, service_role, rampart_app;
    revoke all on function storage.foldername(text)
        from public, anon, authenticated, service_role, rampart_app;
    grant usage on schema storage to authenticated, service_role, rampart_app;
    grant execute on function storage.foldername(text)
        to authenticated, service_role, rampart_app;
    grant select on storage.buckets to authenticated, service_role;
    grant select, insert, delete on storage.objects to authenticated, service_role, rampart_app;

    create or replace trigger rampart_check_yacht
        before insert or update of bucket_id, name on storage.objects
        for each row execute function public.storage_check_yacht();
exception when insufficient_privilege then
    raise warning 'could not look after storage.objects: %', sqlerrm
        using hint = 'grant usage on schema storage to the role that migrates';
end
$$;

do $$
begin
    insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
    values
        ('pms-part-photos', 'pms-part-photos', false, 10485760,
            array['image/jpeg', 'image/png', 'image/webp', 'image/heic']),
        ('pms-receiving-images', 'pms-receiving-images', false, 20971520,
            array['image/jpeg', 'image/png', 'image/webp', 'image/heic', 'application/pdf']),
        ('pms-label-pdfs', 'pms-label-pdfs', false, 52428800, array['application/pdf'])
    on conflict (id) do update set
        public = excluded.public,
        file_size_limit = excluded.file_size_limit,
        allowed_mime_types = excluded.allowed_mime_types;
exception when insufficient_privilege then
    raise warning 'could not make the buckets: %', sqlerrm
        using hint = 'make pms-part-photos, pms-receiving-images and pms-label-pdfs by hand, private';
end
$$;

-- For evidence: which policies stand before which bucket.
do $$
begin
    create or replace view storage.policies with (security_invoker = true) as
    select
        b.id as bucket_id,
        p.policyname as name,
        concat_ws(
            ' ', lower(p.cmd), 'to', array_to_string(p.roles, ', '),
            'using (' || p.qual || ')', 'with check (' || p.with_check || ')'
        ) as definition
    from unnest(array['pms-part-photos', 'pms-receiving-images', 'pms-label-pdfs']) as b (id)
    join pg_catalog.pg_policies p
        on p.schemaname = 'storage' and p.tablename = 'objects'
        and strpos(concat(p.qual, p.with_check), b.id) > 0;
    revoke all on storage.policies from public, anon, authenticated, service_role, rampart_app;
    grant select on storage.policies to authenticated, service_role, rampart_app;
exception when insufficient_privilege or wrong_object_type then
    raise notice 'the view storage.policies is left out: %', sqlerrm;
end
$$;

-- Labels --------------------------------------------------------------------------------

-- Who may make and print labels, checked again here as everywhere on the write path.
create or replace function public.labels_actor(
    p_action text, out user_id uuid, out yacht_id uuid, out role text
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
begin
    user_id := auth.uid();
    select c.yacht_id, c.role into yacht_id, role
    from public.v_user_context c
    where c.user_id = labels_actor.user_id and c.is_active and c.role is not null;
    if yacht_id is null then
        raise exception 'No active role on any yacht'
            using errcode = 'P0403', detail = 'RLS_DENIED';
    end if;
    if role not in ('chief_engineer', 'chief_officer', 'captain', 'manager') then
        raise exception 'Role % may not execute %', role, p_action
            using errcode = 'P0403', detail = 'INSUFFICIENT_PERMISSIONS';
    end if;
end
$$;

-- What is to be printed, in the order asked for. Making the sheet takes longer than a
-- transaction should last, so the key is only tried here: the caller rolls back, and
-- `parts_labels_commit` takes it for good.
create or replace function public.parts_labels_begin(
    p_part_ids uuid[], p_idempotency_key text, p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_response jsonb;
    v_labels jsonb;
begin
    select * into v_actor from public.labels_actor('generate_part_labels');
    if coalesce(cardinality(p_part_ids), 0) not between 1 and 200 then
        raise exception 'part_ids must name 1 to 200 parts'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'part_ids';
    end if;
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'generate_part_labels', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;

    select jsonb_agg(
        jsonb_build_object(
            'part_id', p.id,
            'name', p.name,
            'part_number', p.part_number,
            'location', coalesce(l.name, s.location, p.location)
        )
        order by i.place
    )
    into v_labels
    from unnest(p_part_ids) with ordinality as i (id, place)
    join public.pms_parts p
        on p.yacht_id = v_actor.yacht_id and p.id = i.id and p.deleted_at is null
    left join public.pms_part_locations l
        on l.yacht_id = p.yacht_id and l.id = p.primary_location_id
    left join lateral (
        select st.location
        from public.pms_inventory_stock st
        where st.yacht_id = p.yacht_id and st.part_id = p.id and st.deleted_at is null
        order by st.quantity desc, st.id
        limit 1
    ) s on true;
    if coalesce(jsonb_array_length(v_labels), 0) <> cardinality(p_part_ids) then
        -- Which one is not said: another yacht's part does not exist for this user.
        raise exception 'Part not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;
    return jsonb_build_object(
        'replayed', false,
        'yacht', (select y.name from public.yachts y where y.id = v_actor.yacht_id),
        'labels', v_labels
    );
end
$$;

-- The document, its audit row and the answer for the key, in the transaction that also
-- enters the sheet into storage.objects.
create or replace function public.parts_labels_commit(
    p_document_id uuid,
    p_part_ids uuid[],
    p_size_bytes bigint,
    p_sha256 text,
    p_lens text,
    p_idempotency_key text,
    p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_audit_id uuid := gen_random_uuid();
    v_path text;
    v_filename text := 'part-labels-' || p_document_id || '.pdf';
    v_response jsonb;
begin
    select * into v_actor from public.labels_actor('generate_part_labels');
    perform public.parts_check_lens(p_lens);
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'generate_part_labels', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;
    if coalesce(cardinality(p_part_ids), 0) not between 1 and 200 then
        raise exception 'part_ids must name 1 to 200 parts'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'part_ids';
    end if;
    if exists (
        select from unnest(p_part_ids) as i (id)
        where not exists (
            select from public.pms_parts p where p.yacht_id = v_actor.yacht_id and p.id = i.id
        )
    ) then
        raise exception 'Part not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;

    v_path := v_actor.yacht_id || '/labels/' || p_document_id || '.pdf';
    insert into public.doc_metadata (
        id, yacht_id, source, filename, content_type, storage_bucket, storage_path,
        size_bytes, sha256, metadata, created_by
    ) values (
        p_document_id, v_actor.yacht_id, 'part_labels', v_filename, 'application/pdf',
        'pms-label-pdfs', v_path, p_size_bytes, p_sha256,
        jsonb_build_object('part_ids', to_jsonb(p_part_ids), 'outputs', '[]'::jsonb),
        v_actor.user_id
    );
    insert into public.pms_audit_log (
        id, yacht_id, action, entity_type, entity_id, user_id, new_values, signature, metadata
    ) values (
        v_audit_id, v_actor.yacht_id, 'generate_part_labels', 'document', p_document_id,
        v_actor.user_id,
        jsonb_build_object(
            'storage_bucket', 'pms-label-pdfs',
            'storage_path', v_path,
            'size_bytes', p_size_bytes,
            'sha256', p_sha256,
            'part_ids', to_jsonb(p_part_ids)
        ),
        '{}',
        jsonb_build_object(
            'source', 'parts_api', 'lens', p_lens, 'idempotency_key', p_idempotency_key
        )
    );
    v_response := jsonb_build_object(
        'replayed', false,
        'audit_id', v_audit_id,
        'document_id', p_document_id,
        'label_count', cardinality(p_part_ids),
        'bucket', 'pms-label-pdfs',
        'storage_path', v_path,
        'filename', v_filename,
        'size_bytes', p_size_bytes
    );
    if p_idempotency_key is not null then
        perform public.parts_store_response(
            v_actor.yacht_id, p_idempotency_key, 200, v_response
        );
    end if;
    return v_response;
end
$$;

-- Notes what shall become of a sheet. Nothing here prints or mails: whoever does finds
-- the requests in the document's metadata, the newest last, fifty at most.
create or replace function public.parts_label_output(
    p_document_id uuid,
    p_output text,
    p_lens text,
    p_idempotency_key text,
    p_request_hash text
)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_actor record;
    v_document public.doc_metadata;
    v_audit_id uuid := gen_random_uuid();
    v_outputs jsonb;
    v_state text;
    v_response jsonb;
begin
    select * into v_actor from public.labels_actor('request_label_output');
    perform public.parts_check_lens(p_lens);
    if p_output is null or p_output not in ('print', 'email', 'download') then
        raise exception 'output must be print, email or download'
            using errcode = 'P0400', detail = 'VALIDATION_ERROR', column = 'output';
    end if;
    v_response := public.parts_claim_key(
        v_actor.yacht_id, 'request_label_output', p_idempotency_key, p_request_hash
    );
    if v_response is not null then
        return v_response;
    end if;

    select * into v_document
    from public.doc_metadata d
    where d.yacht_id = v_actor.yacht_id and d.id = p_document_id
        and d.storage_bucket = 'pms-label-pdfs' and d.storage_path is not null
        and d.deleted_at is null
    for no key update;
    if not found then
        raise exception 'Document not found' using errcode = 'P0404', detail = 'NOT_FOUND';
    end if;

    v_state := case p_output when 'download' then 'ready' else 'queued' end;
    v_outputs := case jsonb_typeof(v_document.metadata -> 'outputs')
        when 'array' then v_document.metadata -> 'outputs' else '[]'
    end;
    if jsonb_array_length(v_outputs) >= 50 then
        v_outputs := v_outputs - 0;
    end if;
    v_outputs := v_outputs || jsonb_build_object(
        'id', v_audit_id,
        'output', p_output,
        'state', v_state,
        'requested_by', v_actor.user_id,
        'requested_at', clock_timestamp()
    );
    update public.doc_metadata
    set metadata = metadata || jsonb_build_object('outputs', v_outputs),
        updated_at = clock_timestamp()
    where id = v_document.id;
    insert into public.pms_audit_log (
        id, yacht_id, action, entity_type, entity_id, user_id, new_values, signature, metadata
    ) values (
        v_audit_id, v_actor.yacht_id, 'request_label_output', 'document', v_document.id,
        v_actor.user_id,
        jsonb_build_object('output', p_output, 'state', v_state),
        '{}',
        jsonb_build_object(
            'source', 'parts_api', 'lens', p_lens, 'idempotency_key', p_idempotency_key
        )
    );
    v_response := jsonb_build_object(
        'replayed', false,
        'audit_id', v_audit_id,
        'document_id', v_document.id,
        'output', p_output,
        'state', v_state,
        'bucket', v_document.storage_bucket,
        'storage_path', v_document.storage_path
    );
    if p_idempotency_key is not null then
        perform public.parts_store_response(
            v_actor.yacht_id, p_idempotency_key, 200, v_response
        );
    end if;
    return v_response;
end
$$;

revoke all on function
    public.labels_actor(text),
    public.parts_labels_begin(uuid[], text, text),
    public.parts_labels_commit(uuid, uuid[], bigint, text, text, text, text),
    public.parts_label_output(uuid, text, text, text, text)
    from public, anon, authenticated, service_role, rampart_app;
grant execute on function
    public.parts_labels_begin(uuid[], text, text),
    public.parts_labels_commit(uuid, uuid[], bigint, text, text, text, text),
    public.parts_label_output(uuid, text, text, text, text)
    to authenticated;
