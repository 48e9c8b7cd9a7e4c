-- What everybody was told of long ago need not be kept: the journal has what happened. What reached somebody not yet, or
-- nobody, stays, and so does the newest of each kind of a flag, which says how its alerts stand.

create index if not exists outbox_created on rampart.outbox (created_at);

create or replace function rampart.forget_told(p_days integer, p_most integer) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with told as (
        select o.id from rampart.outbox o
        where o.created_at < now() - make_interval(days => p_days) and o.planned_at is not null
          and not exists (select from rampart.deliveries d where d.notification = o.id and d.delivered_at is null)
          and exists (select from rampart.outbox newer
                      where newer.flag = o.flag and newer.kind = o.kind and newer.created_at > o.created_at)
        order by o.created_at limit p_most
    ), letters as (
        delete from rampart.deliveries where notification in (select id from told)
    ), gone as (
        delete from rampart.outbox where id in (select id from told) returning 1
    )
    select count(*) from gone
$$;

revoke all on function rampart.forget_told(integer, integer) from public, anon, authenticated, service_role, rampart_app;
grant execute on function rampart.forget_told(integer, integer) to rampart_app;
