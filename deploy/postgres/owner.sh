#!/bin/sh
# Run once, on an empty data directory: the role that owns the database. It is no superuser; it makes the others.
set -eu
test -s /run/secrets/owner_password
# psql reads the password itself: among its arguments everybody on the host could read it.
psql --username=postgres --no-psqlrc -v ON_ERROR_STOP=1 <<'SQL'
\set password `cat /run/secrets/owner_password`
create role rampart_owner login createrole nosuperuser nobypassrls password :'password';
create role service_role nologin noinherit bypassrls;
create database rampart owner rampart_owner;
SQL
