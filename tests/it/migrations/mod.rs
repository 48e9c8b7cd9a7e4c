//! The schema: what holds of every table and function, on a plain PostgreSQL and on a Supabase project.
//!
//! The files are read from the folder, so a new migration is under these tests without being named here.

use rampart_postgres::testing::{TestDatabase, database};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::path::PathBuf;
use std::process::Command;

/// Applies every migration as a deployment does.
async fn migrated(database: &TestDatabase) -> PgConnection {
    let done = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .arg("migrate")
        .env("DATABASE_URL", database.owner.url())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    PgConnection::connect(&database.owner.url()).await.unwrap()
}

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files
}

/// Executes every file once more, past the record of what was applied.
async fn apply_again(owner: &mut PgConnection) {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = if text.starts_with("-- no-transaction") { text } else { format!("begin;\n{text}\n;commit;") };
        let applied = owner.execute(sqlx::raw_sql(AssertSqlSafe(text))).await;
        assert!(applied.is_ok(), "{} a second time: {:?}", file.display(), applied.err());
    }
}

async fn lines(owner: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(owner).await.unwrap()
}

async fn fingerprint(owner: &mut PgConnection) -> Vec<String> {
    lines(owner, include_str!("fingerprint.sql")).await
}

/// What one has and the other has not.
#[track_caller]
fn assert_same(left: &[String], right: &[String]) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    assert_eq!((only(left, right), only(right, left)), (vec![], vec![]));
}

#[tokio::test]
async fn every_file_applies_twice_and_changes_nothing_the_second_time() {
    let database = database().await;
    let mut owner = migrated(&database).await;
    let before = fingerprint(&mut owner).await;
    assert!(before.len() > 300, "the fingerprint sees the schema: {} lines", before.len());
    apply_again(&mut owner).await;
    assert_same(&before, &fingerprint(&mut owner).await);
}

#[tokio::test]
async fn a_supabase_project_gets_the_same_schema_and_its_api_roles_get_no_more() {
    let (plain, project) = (database().await, database().await);
    let mut prepared = PgConnection::connect(&project.owner.url()).await.unwrap();
    prepared.execute(sqlx::raw_sql(include_str!("supabase.sql"))).await.unwrap();
    let theirs = "select format('%s %s %s', c.oid::regclass, c.relowner::regrole, c.relrowsecurity) from pg_class c
                  where c.relnamespace in ('auth'::regnamespace, 'storage'::regnamespace) and c.relkind = 'r' order by 1";
    let before = lines(&mut prepared, theirs).await;

    let mut owner = migrated(&project).await;
    let first = fingerprint(&mut owner).await;
    apply_again(&mut owner).await;
    let second = fingerprint(&mut owner).await;
    assert_same(&first, &second);
    assert_eq!(lines(&mut owner, theirs).await, before, "what belongs to Supabase stays as it was");

    // Whoever holds the service key is past row level security anyway, and the older service works with it. Who may
    // look into the schema public is Supabase's to say.
    let ours = |lines: &[String]| -> Vec<String> {
        let theirs = |line: &str| line.ends_with(" to service_role") || line.starts_with("grant USAGE schema public ");
        lines.iter().filter(|line| !(line.starts_with("grant ") && theirs(line))).cloned().collect()
    };
    let plain = fingerprint(&mut migrated(&plain).await).await;
    assert_same(&ours(&plain), &ours(&second));
    for schema in [plain, second] {
        let strangers = schema
            .iter()
            .filter(|line| line.starts_with("grant ") && (line.ends_with(" to anon") || line.ends_with(" to public")));
        let beyond: Vec<&String> = strangers.filter(|line| !line.starts_with("grant USAGE schema public ")).collect();
        assert!(beyond.is_empty(), "whoever has not signed in may do nothing: {beyond:?}");
    }

    let record = "select grantee::text || ' ' || privilege_type::text from information_schema.table_privileges
                  where table_name = '_sqlx_migrations' and grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')";
    assert_eq!(lines(&mut owner, record).await, [""; 0], "the record of the migrations is nobody's business");
}

#[tokio::test]
async fn the_last_release_starts_on_the_schema_of_the_next() {
    let database = database().await;
    let mut owner = migrated(&database).await;
    let next = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                values (9999, 'of the next release', true, '', 0)";
    owner.execute(next).await.unwrap();
    migrated(&database).await;
}

#[tokio::test]
async fn what_every_table_and_function_must_have() {
    let database = database().await;
    let mut owner = migrated(&database).await;
    let rules = [
        (
            "an index behind every foreign key, or deleting the other row reads the whole table",
            // An index on what is not null serves as well: null refers to nothing.
            "select format('%s %s', c.conrelid::regclass, c.conname) from pg_constraint c
             where c.contype = 'f' and c.connamespace::regnamespace::text in ('public', 'rampart', 'storage')
               and not exists (
                   select from pg_index i
                   where i.indrelid = c.conrelid and i.indisvalid
                     and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
                     and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] <@ c.conkey
                     and (i.indpred is null or exists (
                         select from pg_attribute a
                         where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                           and pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))))",
        ),
        (
            "row level security",
            "select c.oid::regclass::text from pg_class c
             where c.relnamespace::regnamespace::text in ('public', 'rampart', 'storage') and c.relkind in ('r', 'p')
               and not c.relrowsecurity",
        ),
        (
            "a primary key",
            "select c.oid::regclass::text from pg_class c
             where c.relnamespace::regnamespace::text in ('public', 'rampart', 'storage') and c.relkind in ('r', 'p')
               and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')",
        ),
        (
            "a search path of its own, where a function runs as its owner",
            "select p.oid::regprocedure::text from pg_proc p
             where p.pronamespace::regnamespace::text in ('public', 'rampart', 'storage') and p.prosecdef
               and not coalesce(p.proconfig::text like '%search_path=%', false)",
        ),
        (
            "the reader's rights in a view that users may read",
            "select c.oid::regclass::text from pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
               and not coalesce(c.reloptions::text like '%security_invoker=true%', false)",
        ),
    ];
    for (rule, offenders) in rules {
        assert_eq!(lines(&mut owner, offenders).await, [""; 0], "expected {rule}");
    }
}
