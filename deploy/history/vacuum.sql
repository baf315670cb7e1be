-- Deletes old snapshots of quotes_history and the files that only they reference.
VACUUM quotes_history
