-- Deletes old snapshots of quotes_history, and the files that only they need.
VACUUM quotes_history
