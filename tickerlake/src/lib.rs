//! tickerlake
