//! init: the five questions, as options.

use clap::{Args, ValueEnum};

/// What the file of a new environment says. What is not given is asked for.
#[derive(Clone, Debug, Default, Args)]
pub struct InitArgs {
    /// The stack's name: it begins every name in AWS.
    #[arg(long)]
    pub stack: Option<String>,
    /// The image that runs first, with a tag or a digest.
    #[arg(long)]
    pub image: Option<String>,
    /// The name that people reach it by, served with HTTPS; empty for plain HTTP under the load balancer's own name.
    #[arg(long)]
    pub domain: Option<String>,
    /// How large.
    #[arg(long, value_enum)]
    pub size: Option<Size>,
    /// Do not ask: take the usual answer where there is one.
    #[arg(long, short)]
    pub yes: bool,
}

impl InitArgs {
    /// Whether any answer was given.
    pub fn given(&self) -> bool {
        self.stack.is_some() || self.image.is_some() || self.domain.is_some() || self.size.is_some()
    }
}

/// How large an environment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Size {
    /// One of what can be one: for trying, developing, showing.
    Small,
    /// Two of everything that can fail, in three zones.
    Production,
}
