-- Puts the small files that merges leave together into large ones. The rows stay as they are.
OPTIMIZE quotes_history REWRITE DATA USING BIN_PACK
