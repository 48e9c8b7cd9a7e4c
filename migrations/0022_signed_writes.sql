-- Only the daemon writes down that something was signed.
--
-- The second half of a signed write takes the signature as it is: the database has no key to check it with. Supabase's
-- REST API runs people's requests as authenticated, and a captain must not be able to call it past the daemon with a
-- signature of their own making. Who asks still comes from the claims of the transaction.

revoke all on function
    public.parts_adjust_commit(uuid, integer, text, jsonb, text, text, text, text, text),
    public.parts_signed_commit(text, uuid, integer, text, text, text, jsonb, text, text, text)
    from public, anon, authenticated, service_role;
grant execute on function
    public.parts_adjust_commit(uuid, integer, text, jsonb, text, text, text, text, text),
    public.parts_signed_commit(text, uuid, integer, text, text, text, jsonb, text, text, text)
    to rampart_app;
