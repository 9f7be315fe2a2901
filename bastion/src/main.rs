//! `bastion`: this layer alone, for the team that owns it.

cli::layer!(bastion::Bastion);
