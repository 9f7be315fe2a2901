//! `compute`: this layer alone, for the team that owns it.

cli::layer!(compute::Compute);
