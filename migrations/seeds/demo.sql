-- Demo and test data: two yachts, about 300 people each, their parts and a short history.
--
-- Run by the owner, any number of times: every id follows from a name, so the second run
-- finds all rows there and leaves what has happened to them since. Stock is written by
-- plain inserts with ledger and audit rows to match: no drift, no audit violation.

create or replace function pg_temp.demo_uuid(p_name text)
returns uuid
language sql immutable
as $$
    -- md5 with the version and variant bits of a random uuid, for clients that check them.
    select overlay(overlay(md5('rampart demo ' || p_name) placing '4' from 13) placing '8' from 17)::uuid
$$;

-- A number below p_below that looks random and is the same on every run.
create or replace function pg_temp.demo_number(p_name text, p_below integer)
returns integer
language sql immutable
as $$
    select (('x' || substr(md5('rampart number ' || p_name), 1, 7))::bit(28)::integer % p_below)
$$;

insert into public.yachts (id, name, code, status, is_test, is_demo) values
    ('85fe1119-b04c-41ac-80f1-829d23322598', 'M/Y Test Vessel', 'yTEST_YACHT_001', 'active', true, false),
    ('b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'M/Y Meltemi', 'yDEMO_YACHT_002', 'active', false, true)
on conflict do nothing;

-- People ------------------------------------------------------------------------------

drop table if exists pg_temp.demo_people;
create temp table demo_people as
with named (id, yacht_id, role, name) as (values
    ('d5873b1f-5f62-4e3e-bc78-e03978aec5ba'::uuid, '85fe1119-b04c-41ac-80f1-829d23322598'::uuid, 'chief_engineer', 'Hannah Lindqvist'),
    ('89b1262c-ff59-4591-b954-757cdf3d609d', '85fe1119-b04c-41ac-80f1-829d23322598', 'chief_engineer', 'Owen Pritchard'),
    ('05a488fd-e099-4d18-bf86-d87afba4fcdf', '85fe1119-b04c-41ac-80f1-829d23322598', 'chief_engineer', 'Marek Zielinski'),
    ('5af9d61d-9b2e-4db4-a54c-a3c95eec70e5', '85fe1119-b04c-41ac-80f1-829d23322598', 'captain', 'Elena Marchetti'),
    ('b72c35ff-e309-4a19-a617-bfc706a78c0f', '85fe1119-b04c-41ac-80f1-829d23322598', 'captain', 'Duncan Abercrombie'),
    ('6d807a66-955c-49c4-b767-8a6189c2f422', '85fe1119-b04c-41ac-80f1-829d23322598', 'crew', 'Tom Okafor'),
    ('2da12a4b-c0a1-4716-80ae-d29c90d98233', '85fe1119-b04c-41ac-80f1-829d23322598', 'crew', 'Sofia Brandt'),
    ('57e82f78-0a2d-4a7c-a428-6287621d06c5', '85fe1119-b04c-41ac-80f1-829d23322598', 'crew', 'Liam Novak'),
    ('b2000000-0000-4000-8000-000000000001', 'b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'chief_engineer', 'Ines Carvalho'),
    ('b2000000-0000-4000-8000-000000000002', 'b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'captain', 'Anders Holm'),
    ('b2000000-0000-4000-8000-000000000003', 'b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'crew', 'Mia Fontaine'),
    ('b2000000-0000-4000-8000-000000000004', 'b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'manager', 'Ruth Adeyemi')
),
generated as (
    select
        pg_temp.demo_uuid('user ' || y.code || n) as id,
        y.id as yacht_id,
        -- Of a hundred: 46 crew, 26 deckhands, and a few of everybody else.
        case
            when n % 100 < 46 then 'crew'
            when n % 100 < 72 then 'deckhand'
            when n % 100 < 80 then 'steward'
            when n % 100 < 84 then 'bosun'
            when n % 100 < 87 then 'eto'
            when n % 100 < 91 then 'chief_engineer'
            when n % 100 < 94 then 'chief_officer'
            when n % 100 < 95 then 'chief_steward'
            when n % 100 < 96 then 'purser'
            when n % 100 < 98 then 'captain'
            else 'manager'
        end as role,
        (array['Ada', 'Ben', 'Chiara', 'Diego', 'Eva', 'Finn', 'Greta', 'Hugo', 'Isla', 'Jonas',
               'Kaya', 'Luca', 'Maren', 'Noah', 'Olga', 'Pavel', 'Rosa', 'Sven', 'Tara', 'Yusuf'])
            [1 + n % 20]
        || ' ' ||
        (array['Almeida', 'Berg', 'Costa', 'Dahl', 'Evans', 'Ferrari', 'Grant', 'Haugen', 'Ivanov',
               'Jensen', 'Keller', 'Larsen', 'Moreau', 'Nilsen', 'Ortega', 'Petit', 'Quinn'])
            [1 + (n / 20 + n) % 17] as name
    from (values
        ('85fe1119-b04c-41ac-80f1-829d23322598'::uuid, 'test'),
        ('b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'demo')
    ) as y (id, code)
    cross join generate_series(1, 300) as n
)
select * from named
union all
select * from generated;

insert into public.auth_users_profiles (id, yacht_id, email, name)
select id, yacht_id, lower(replace(name, ' ', '.')) || '.' || left(id::text, 8) || '@example.com', name
from demo_people
on conflict do nothing;

insert into public.auth_users_roles (id, user_id, yacht_id, role, valid_from)
select pg_temp.demo_uuid('role ' || id), id, yacht_id, role, '2024-01-01'
from demo_people
on conflict do nothing;

-- Places ------------------------------------------------------------------------------

drop table if exists pg_temp.demo_places;
create temp table demo_places as
select
    pg_temp.demo_uuid('place ' || y.code || p.name) as id,
    y.id as yacht_id,
    y.code,
    p.name,
    p.path,
    p.department
from (values
    ('85fe1119-b04c-41ac-80f1-829d23322598'::uuid, 'test'),
    ('b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'demo')
) as y (id, code)
cross join (values
    ('engine_room', 'lower deck/engine room/spares rack', 'engineering'),
    ('engine_workshop', 'lower deck/engine room/workshop', 'engineering'),
    ('technical_store', 'tank deck/technical store', 'engineering'),
    ('electrical_store', 'lower deck/switchboard room/cabinets', 'electrical'),
    ('av_rack_room', 'main deck/av rack room', 'electrical'),
    ('bosun_locker', 'main deck/forward/bosun locker', 'deck'),
    ('lazarette', 'lower deck/aft/lazarette', 'deck'),
    ('tender_garage', 'lower deck/aft/tender garage', 'deck'),
    ('safety_locker', 'bridge deck/safety locker', 'safety'),
    ('bridge', 'bridge deck/wheelhouse/drawers', 'safety'),
    ('laundry', 'lower deck/crew/laundry', 'interior'),
    ('galley_store', 'main deck/galley/dry store', 'interior'),
    ('housekeeping', 'lower deck/crew/housekeeping locker', 'interior')
) as p (name, path, department);

insert into public.pms_part_locations (id, yacht_id, name, path)
select id, yacht_id, name, path from demo_places
on conflict do nothing;

-- Parts -------------------------------------------------------------------------------

drop table if exists pg_temp.demo_parts;
create temp table demo_parts as
with catalogue (grp, department, category, item, unit, unit_cost, level) as (values
    ('engine', 'engineering', 'filters', 'Fuel filter element', 'ea', 38.50, 12),
    ('engine', 'engineering', 'filters', 'Lube oil filter', 'ea', 46.20, 12),
    ('engine', 'engineering', 'filters', 'Air filter insert', 'ea', 112.00, 4),
    ('engine', 'engineering', 'filters', 'Coolant filter cartridge', 'ea', 29.90, 6),
    ('engine', 'engineering', 'filters', 'Crankcase breather element', 'ea', 84.00, 4),
    ('engine', 'engineering', 'engine spares', 'Injector nozzle', 'ea', 410.00, 4),
    ('engine', 'engineering', 'engine spares', 'Injector sealing ring set', 'set', 18.75, 12),
    ('engine', 'engineering', 'engine spares', 'Thermostat', 'ea', 96.00, 2),
    ('engine', 'engineering', 'engine spares', 'Exhaust manifold gasket', 'ea', 54.30, 6),
    ('engine', 'engineering', 'engine spares', 'Cylinder head gasket', 'ea', 148.00, 4),
    ('engine', 'engineering', 'engine spares', 'Poly-V belt', 'ea', 61.00, 4),
    ('engine', 'engineering', 'engine spares', 'Zinc anode, heat exchanger', 'ea', 12.40, 16),
    ('engine', 'engineering', 'sensors', 'Coolant temperature sender', 'ea', 73.00, 2),
    ('engine', 'engineering', 'sensors', 'Lube oil pressure sender', 'ea', 88.00, 2),
    ('engine', 'engineering', 'sensors', 'Speed pick-up', 'ea', 132.00, 1),
    ('pump', 'engineering', 'pumps', 'Impeller kit', 'kit', 64.00, 4),
    ('pump', 'engineering', 'pumps', 'Mechanical shaft seal', 'ea', 92.00, 3),
    ('pump', 'engineering', 'pumps', 'Wear ring', 'ea', 41.00, 2),
    ('pump', 'engineering', 'pumps', 'Pump shaft bearing', 'ea', 27.60, 4),
    ('pump', 'engineering', 'pumps', 'Casing O-ring set', 'set', 9.80, 8),
    ('pump', 'engineering', 'pumps', 'Coupling spider', 'ea', 22.00, 2),
    ('pump', 'engineering', 'pumps', 'Diaphragm', 'ea', 35.00, 4),
    ('pump', 'engineering', 'pumps', 'Non-return valve', 'ea', 58.00, 2),
    ('pump', 'engineering', 'pumps', 'Motor capacitor', 'ea', 24.00, 2),
    ('pump', 'engineering', 'pumps', 'Pressure switch', 'ea', 67.00, 2),
    ('pump', 'engineering', 'pumps', 'Suction strainer basket', 'ea', 49.00, 2),
    ('pump', 'engineering', 'pumps', 'Rebuild kit', 'kit', 310.00, 1),
    ('electric', 'electrical', 'electrical', 'Contactor', 'ea', 78.00, 3),
    ('electric', 'electrical', 'electrical', 'Circuit breaker', 'ea', 54.00, 4),
    ('electric', 'electrical', 'electrical', 'Control relay', 'ea', 19.50, 6),
    ('electric', 'electrical', 'electrical', 'Fuse set', 'set', 14.20, 10),
    ('electric', 'electrical', 'electrical', 'Power supply 24 V', 'ea', 126.00, 2),
    ('electric', 'electrical', 'electrical', 'Indicator lamp', 'ea', 6.90, 20),
    ('electric', 'electrical', 'electrical', 'Terminal block kit', 'kit', 31.00, 3),
    ('electric', 'electrical', 'electrical', 'Cooling fan', 'ea', 43.00, 3),
    ('electric', 'electrical', 'electrical', 'Interface module', 'ea', 288.00, 1),
    ('electric', 'electrical', 'electrical', 'Emergency stop button', 'ea', 37.00, 2),
    ('deck', 'deck', 'deck machinery', 'Hydraulic hose assembly', 'ea', 118.00, 2),
    ('deck', 'deck', 'deck machinery', 'Hydraulic filter element', 'ea', 57.00, 4),
    ('deck', 'deck', 'deck machinery', 'Brake lining set', 'set', 164.00, 1),
    ('deck', 'deck', 'deck machinery', 'Gearbox seal kit', 'kit', 86.00, 1),
    ('deck', 'deck', 'deck machinery', 'Foot switch', 'ea', 139.00, 2),
    ('deck', 'deck', 'deck machinery', 'Remote control battery', 'ea', 44.00, 4),
    ('deck', 'deck', 'deck machinery', 'Grease cartridge, marine', 'ea', 8.60, 24),
    ('deck', 'deck', 'deck machinery', 'Shear pin', 'ea', 5.20, 12),
    ('deck', 'deck', 'deck machinery', 'Limit switch', 'ea', 72.00, 2),
    ('deck', 'deck', 'deck machinery', 'Roller bearing', 'ea', 33.00, 4),
    ('safety', 'safety', 'safety', 'Hydrostatic release unit', 'ea', 68.00, 4),
    ('safety', 'safety', 'safety', 'Battery pack', 'ea', 142.00, 2),
    ('safety', 'safety', 'safety', 'Light, self-igniting', 'ea', 24.00, 10),
    ('safety', 'safety', 'safety', 'Re-arming kit', 'kit', 29.00, 20),
    ('safety', 'safety', 'safety', 'Optical smoke detector head', 'ea', 83.00, 4),
    ('safety', 'safety', 'safety', 'Detector base', 'ea', 17.00, 4),
    ('safety', 'safety', 'safety', 'Nozzle', 'ea', 51.00, 4),
    ('safety', 'safety', 'safety', 'Service seal set', 'set', 13.00, 8),
    ('interior', 'interior', 'appliances', 'Door gasket', 'ea', 47.00, 2),
    ('interior', 'interior', 'appliances', 'Drain pump', 'ea', 63.00, 2),
    ('interior', 'interior', 'appliances', 'Heating element', 'ea', 88.00, 2),
    ('interior', 'interior', 'appliances', 'Inlet valve', 'ea', 34.00, 2),
    ('interior', 'interior', 'appliances', 'Filter cartridge', 'ea', 21.00, 8),
    ('interior', 'interior', 'appliances', 'Control board', 'ea', 246.00, 1),
    ('interior', 'interior', 'appliances', 'Lamp', 'ea', 9.40, 10),
    ('interior', 'interior', 'appliances', 'Drive belt', 'ea', 26.00, 3)
),
equipment (grp, manufacturer, model, prefix) as (values
    ('engine', 'MTU', '16V 4000 M73L', 'MTU'), ('engine', 'MTU', '12V 2000 M96L', 'MTU'),
    ('engine', 'Caterpillar', '3512C', 'CAT'), ('engine', 'Caterpillar', 'C32 ACERT', 'CAT'),
    ('engine', 'Caterpillar', 'C9.3 genset', 'CAT'), ('engine', 'Kohler', '175EFOZDJ genset', 'KOH'),
    ('engine', 'Northern Lights', 'M944T3 genset', 'NLI'), ('engine', 'MAN', 'D2862 LE466', 'MAN'),
    ('engine', 'Volvo Penta', 'D13-1000', 'VPE'), ('engine', 'Yanmar', '6LY440', 'YAN'),
    ('pump', 'Azcue', 'CA-50/2A seawater pump', 'AZC'), ('pump', 'Gianneschi', 'ACB 531 bilge pump', 'GIA'),
    ('pump', 'Desmi', 'S80 cooling pump', 'DES'), ('pump', 'Headhunter', 'X-Caliber freshwater pump', 'HEA'),
    ('pump', 'Jabsco', '36600 diaphragm pump', 'JAB'), ('pump', 'Idromar', 'MCJ 14 watermaker', 'IDR'),
    ('pump', 'HEM', '40/3000 watermaker', 'HEM'), ('pump', 'Hamann', 'HL-Cont sewage plant', 'HAM'),
    ('pump', 'Alfa Laval', 'MIB 303 separator', 'ALF'), ('pump', 'Heinen & Hopman', 'chilled water unit', 'HHO'),
    ('electric', 'Schneider Electric', 'main switchboard', 'SCH'), ('electric', 'ABB', 'emergency switchboard', 'ABB'),
    ('electric', 'Mastervolt', 'Mass Combi 24/2500', 'MAS'), ('electric', 'Victron', 'Quattro 48/10000', 'VIC'),
    ('electric', 'Böning', 'AHD 880 alarm system', 'BOE'), ('electric', 'Atlas', 'shore power converter', 'ATL'),
    ('electric', 'Crestron', 'cabin control', 'CRE'), ('electric', 'Lumishore', 'underwater lights', 'LUM'),
    ('electric', 'Simrad', 'AP70 autopilot', 'SIM'), ('electric', 'Furuno', 'FAR-2228 radar', 'FUR'),
    ('deck', 'Maxwell', 'VWC 4000 windlass', 'MAX'), ('deck', 'Muir', 'VR 6000 capstan', 'MUI'),
    ('deck', 'Naiad', 'Model 520 stabiliser', 'NAI'), ('deck', 'Quantum', 'QC 1800 stabiliser', 'QUA'),
    ('deck', 'Opacmare', 'passerelle', 'OPA'), ('deck', 'Besenzoni', 'tender crane', 'BES'),
    ('deck', 'Williams', 'DieselJet 505 tender', 'WIL'), ('deck', 'Castoldi', 'Jet Tender 23', 'CAS'),
    ('safety', 'Viking', 'DKF liferaft', 'VIK'), ('safety', 'Jotron', 'Tron 60S EPIRB', 'JOT'),
    ('safety', 'Spinlock', 'Deckvest lifejacket', 'SPI'), ('safety', 'Consilium', 'Salwico fire panel', 'CON'),
    ('safety', 'Autronica', 'AutroSafe', 'AUT'), ('safety', 'Marioff', 'HI-FOG system', 'MAR'),
    ('safety', 'Sea-Fire', 'FM-200 bottle', 'SEA'), ('safety', 'ACR', 'Pathfinder SART', 'ACR'),
    ('interior', 'Miele', 'PW 5082 washer', 'MIE'), ('interior', 'Miele', 'PT 5137 dryer', 'MIE'),
    ('interior', 'Miele', 'G 7966 dishwasher', 'MIE'), ('interior', 'Hoshizaki', 'IM-65 ice maker', 'HOS'),
    ('interior', 'Sub-Zero', 'ICBBI-36 refrigerator', 'SUB'), ('interior', 'Gaggenau', 'BO 480 oven', 'GAG'),
    ('interior', 'Jura', 'Giga X8 coffee machine', 'JUR'), ('interior', 'Tecma', 'Silence Plus toilet', 'TEC')
),
products as (
    select
        c.*, e.manufacturer, e.model,
        e.prefix || '-' || lpad(pg_temp.demo_number('number ' || c.item || e.model, 900000)::text, 6, '0')
            as part_number,
        c.item || ', ' || e.manufacturer || ' ' || e.model as name
    from catalogue c
    join equipment e using (grp)
),
owned as (
    select 'test' as code, '85fe1119-b04c-41ac-80f1-829d23322598'::uuid as yacht_id, p.* from products p
    union all
    select * from (
        select 'demo', 'b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442'::uuid, p.*
        from products p
        order by md5('demo share ' || p.name)
        limit 200
    ) share
),
dice as (
    select
        o.*,
        pg_temp.demo_uuid('part ' || o.code || o.name) as id,
        pg_temp.demo_number('track ' || o.code || o.name, 100) as track,
        pg_temp.demo_number('level ' || o.code || o.name, 100) as fill,
        pg_temp.demo_number('critical ' || o.code || o.name, 100) as crit
    from owned o
)
select
    d.id, d.yacht_id, d.code, d.name, d.part_number, d.manufacturer, d.model, d.category,
    d.department, d.unit, d.unit_cost,
    -- Three of four parts are nobody's concern until they are needed.
    case when d.track < 25 then d.level else 0 end as min_level,
    case when d.level >= 12 then 6 when d.level >= 6 then 2 else 1 end as reorder_multiple,
    case when d.track < 25 then d.crit < 30 else d.crit < 3 end as is_critical,
    -- What is left today: nothing, too little, or plenty. Null: never stocked.
    case
        when d.fill < 8 then null
        when d.fill < 14 then 0
        when d.fill < 32 then greatest(1, d.level / 2)
        when d.fill < 38 then d.level
        else d.level + 1 + d.fill % (d.level + 3)
    end as on_hand,
    (
        select p.name from demo_places p
        where p.yacht_id = d.yacht_id and p.department = d.department
        order by md5(p.name || d.name)
        limit 1
    ) as place
from dice d
union all
select
    v.id::uuid, '85fe1119-b04c-41ac-80f1-829d23322598', 'test', v.name, v.part_number, v.manufacturer,
    v.model, v.category, 'engineering', 'ea', v.unit_cost, v.min_level, v.reorder_multiple,
    v.is_critical, v.on_hand, 'engine_room'
from (values
    -- The first by primary key has never been stocked.
    ('00000000-0000-4000-8000-000000000000', 'Turbocharger cartridge, MTU 16V 4000 M73L', 'MTU-500412', 'MTU', '16V 4000 M73L', 'engine spares', 8450.00, 0, 1, false, null),
    ('00000000-0000-4000-8000-000000000001', 'Fuel filter element, Racor 75/1000', 'RAC-2020PM', 'Parker Racor', '75/1000 MAX', 'filters', 21.40, 20, 10, false, 100),
    ('00000000-0000-4000-8000-000000000002', 'Lube oil filter, Fleetguard LF3000', 'FLE-LF3000', 'Fleetguard', 'LF3000', 'filters', 34.90, 10, 5, false, 50),
    ('00000000-0000-4000-8000-000000000003', 'Raw water pump impeller, Jabsco 17937', 'JAB-17937', 'Jabsco', '17937-0001', 'pumps', 58.00, 4, 2, true, 0),
    ('00000000-0000-4000-8000-000000000004', 'Seawater strainer gasket, Groco ARG', 'GRO-ARG1500', 'Groco', 'ARG-1500', 'pumps', 11.80, 6, 3, false, 2),
    ('00000000-0000-4000-8000-000000000005', 'Zinc anode, pencil 3/4"', 'CAM-E5', 'Camp', 'E-5', 'engine spares', 7.30, 0, 1, false, 25),
    ('8ad67e2f-2579-4d6c-afd2-0dee85f4d8b3', 'Stern tube seal ring, Simplex Compact', 'SIM-SC2-160', 'SKF Marine', 'Simplex SC2', 'shaft line', 642.00, 2, 1, true, 40),
    ('fa10ad48-5f51-41ee-9ef3-c2127e77b06a', 'Hydraulic oil filter, Parker 926169', 'PAR-926169', 'Parker', '926169', 'filters', 48.60, 6, 2, false, 30)
) as v (id, name, part_number, manufacturer, model, category, unit_cost, min_level,
        reorder_multiple, is_critical, on_hand);

insert into public.pms_parts (
    id, yacht_id, name, part_number, manufacturer, description, category,
    model_compatibility, unit, location, min_level, reorder_multiple, unit_cost, department,
    is_critical, primary_location_id, created_at, updated_at
)
select
    d.id, d.yacht_id, d.name, d.part_number, d.manufacturer,
    d.name || ' (' || d.part_number || ')', d.category, jsonb_build_array(d.model), d.unit,
    d.place, d.min_level, d.reorder_multiple, d.unit_cost, d.department, d.is_critical, p.id,
    now() - interval '400 days', now() - interval '400 days'
from demo_parts d
join demo_places p on p.yacht_id = d.yacht_id and p.name = d.place
on conflict do nothing;

-- Stock and its history ---------------------------------------------------------------
-- Per stock row: what was there in the beginning, for two of five a delivery, and then
-- what has been used. `start + received - consumed` is what is left.

drop table if exists pg_temp.demo_stock;
create temp table demo_stock as
with rows as (
    select d.id as part_id, d.yacht_id, d.code, d.name, d.department, d.place as location, d.on_hand
    from demo_parts d
    where d.on_hand is not null
    union all
    -- Some parts are kept in a second place as well.
    select d.id, d.yacht_id, d.code, d.name, d.department, p.name, 1 + d.on_hand / 4
    from demo_parts d
    join lateral (
        select p.name from demo_places p
        where p.yacht_id = d.yacht_id and p.department = d.department and p.name <> d.place
        order by md5(d.name || p.name)
        limit 1
    ) p on true
    where d.on_hand > 3
        and d.place <> 'engine_room'
        and pg_temp.demo_number('second place ' || d.code || d.name, 10) = 0
),
dice as (
    select
        r.*,
        pg_temp.demo_uuid('stock ' || r.code || r.name || r.location) as id,
        pg_temp.demo_number('delivery ' || r.code || r.name || r.location, 10) as delivery,
        pg_temp.demo_number('use ' || r.code || r.name || r.location, 10) as used
    from rows r
),
moves as (
    select
        d.*,
        case when d.delivery < 4 then 2 + d.delivery * 2 else 0 end as received,
        case
            when d.on_hand = 0 then 6 + (case when d.delivery < 4 then 2 + d.delivery * 2 else 0 end)
            when d.delivery < 4 then 2 + d.delivery * 2
            when d.used < 5 then 1 + d.used
            else 0
        end as consumed
    from dice d
)
select m.*, m.on_hand + m.consumed - m.received as start from moves m;

insert into public.pms_inventory_stock (
    id, yacht_id, part_id, location, quantity, created_at, updated_at
)
select
    id, yacht_id, part_id, location, on_hand,
    now() - interval '300 days', now() - interval '20 days'
from demo_stock
on conflict do nothing;

drop table if exists pg_temp.demo_ledger;
create temp table demo_ledger as
with people as (
    -- Deliveries are signed off by the chief engineer, parts are used by the crew.
    select
        y.yacht_id, y.chief,
        array_agg(p.id order by p.id) filter (where p.role in ('crew', 'deckhand')) as crew
    from (values
        ('85fe1119-b04c-41ac-80f1-829d23322598'::uuid, 'd5873b1f-5f62-4e3e-bc78-e03978aec5ba'::uuid),
        ('b2f0c6de-5a41-4c3e-9d27-6e1f8a90b442', 'b2000000-0000-4000-8000-000000000001')
    ) as y (yacht_id, chief)
    join demo_people p using (yacht_id)
    group by y.yacht_id, y.chief
)
select
    pg_temp.demo_uuid(m.kind || ' ' || s.id) as id,
    pg_temp.demo_uuid('audit ' || m.kind || ' ' || s.id) as audit_id,
    pg_temp.demo_uuid('usage ' || m.kind || ' ' || s.id) as usage_id,
    s.yacht_id, s.id as stock_id, s.part_id, s.location,
    m.kind, m.change, m.before,
    case m.kind
        when 'consumed' then pe.crew[1 + pg_temp.demo_number('who ' || s.id, cardinality(pe.crew))]
        else pe.chief
    end as user_id,
    now() - m.age - make_interval(mins => pg_temp.demo_number('when ' || s.id, 20000)) as at
from demo_stock s
join people pe using (yacht_id)
cross join lateral (values
    ('initial', s.start, 0, interval '280 days'),
    ('received', s.received, s.start, interval '100 days'),
    ('consumed', -s.consumed, s.start + s.received, interval '20 days')
) as m (kind, change, before, age)
where m.change <> 0;

insert into public.pms_part_usage (id, yacht_id, part_id, quantity, notes, used_by, used_at)
select usage_id, yacht_id, part_id, -change, 'planned maintenance', user_id, at
from demo_ledger
where kind = 'consumed'
on conflict do nothing;

insert into public.pms_audit_log (
    id, yacht_id, action, entity_type, entity_id, user_id, old_values, new_values, metadata,
    created_at
)
select
    audit_id, yacht_id,
    case kind when 'received' then 'receive_part' else 'consume_part' end,
    'part', part_id, user_id,
    jsonb_build_object('stock_id', stock_id, 'quantity', before),
    jsonb_build_object(
        'stock_id', stock_id, 'quantity', before + change, 'quantity_change', change
    ),
    jsonb_build_object(
        'source', 'seed', 'lens', 'v1', 'transaction_id', id, 'location', location,
        'idempotency_key', null, 'work_order_id', null, 'notes', null
    ),
    at
from demo_ledger
where kind <> 'initial'
on conflict do nothing;

insert into public.pms_inventory_transactions (
    id, yacht_id, stock_id, transaction_type, quantity_change, quantity_before,
    quantity_after, user_id, usage_id, audit_id, created_at
)
select
    id, yacht_id, stock_id, kind, change, before, before + change, user_id,
    case kind when 'consumed' then usage_id end,
    case when kind <> 'initial' then audit_id end,
    at
from demo_ledger
on conflict do nothing;

insert into public.pms_shopping_list_items (
    id, yacht_id, part_id, part_name, part_number, quantity_requested, source_type, urgency,
    created_by
) values
    (pg_temp.demo_uuid('shopping 1'), '85fe1119-b04c-41ac-80f1-829d23322598',
     '00000000-0000-4000-8000-000000000003', 'Raw water pump impeller, Jabsco 17937', 'JAB-17937',
     4, 'inventory_oos', 'critical', 'd5873b1f-5f62-4e3e-bc78-e03978aec5ba'),
    (pg_temp.demo_uuid('shopping 2'), '85fe1119-b04c-41ac-80f1-829d23322598',
     '00000000-0000-4000-8000-000000000004', 'Seawater strainer gasket, Groco ARG', 'GRO-ARG1500',
     6, 'inventory_low', 'high', '6d807a66-955c-49c4-b767-8a6189c2f422')
on conflict do nothing;

drop table pg_temp.demo_ledger, pg_temp.demo_stock, pg_temp.demo_parts, pg_temp.demo_places,
    pg_temp.demo_people;
analyze public.auth_users_profiles, public.auth_users_roles, public.pms_parts,
    public.pms_part_locations, public.pms_inventory_stock, public.pms_inventory_transactions,
    public.pms_audit_log, public.pms_part_usage;
