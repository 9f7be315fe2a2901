//! bastion
