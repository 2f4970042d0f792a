-- The roles that log in, with the passwords of deploy/secrets. `migrate` finds them and leaves them so.
DO $$
BEGIN
  EXECUTE format('CREATE ROLE csb_aws_user LOGIN PASSWORD %L', rtrim(pg_read_file('/run/secrets/worker'), E'\n'));
  EXECUTE format('CREATE ROLE csb_api_user LOGIN PASSWORD %L', rtrim(pg_read_file('/run/secrets/api'), E'\n'));
END
$$;
