-- Rewrites the small files that merges leave into large ones. The rows do not change.
OPTIMIZE quotes_history REWRITE DATA USING BIN_PACK
