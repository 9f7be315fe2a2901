//! Names of AWS objects, made in one place so that layers agree on them.

use engine::DeclareError;

/// Makes names for one stack and environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    stack: String,
    env: String,
}

impl Names {
    /// Names for `stack` and `env`.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] when one of them has characters that AWS names do not allow, or is too long.
    pub fn new(stack: &str, env: &str) -> Result<Names, DeclareError> {
        for (key, text) in [("stack", stack), ("env", env)] {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
            if !starts || !text.chars().all(plain) || text.ends_with('-') || text.contains("--") || text.len() > 20 {
                let problem = format!("`{text}` must be 1 to 20 lower-case letters, digits and single hyphens, starting with a letter");
                return Err(DeclareError::setting(key, problem));
            }
        }
        Ok(Names { stack: stack.to_owned(), env: env.to_owned() })
    }

    /// `stack-env`: what every name begins with.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.stack, self.env)
    }

    /// Where SSM parameters live: `/stack/env/what`.
    pub fn parameter(&self, what: &str) -> String {
        format!("/{}/{}/{what}", self.stack, self.env)
    }

    /// The ECS cluster.
    pub fn cluster(&self) -> String {
        self.prefix()
    }

    /// The ECS service in the cluster.
    pub fn service(&self) -> String {
        "app".to_owned()
    }

    /// The RDS instance.
    pub fn database(&self) -> String {
        self.prefix()
    }

    /// `stack-env-what` for a load balancer or target group: AWS allows 32 characters.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] when it is longer.
    pub fn short(&self, what: &str) -> Result<String, DeclareError> {
        let name = self.of(what);
        if name.len() <= 32 {
            return Ok(name);
        }
        let problem =
            format!("`{name}` has {} characters, and AWS allows 32 for a load balancer or target group: use a shorter one", name.len());
        Err(DeclareError::setting("stack", problem))
    }

    /// `stack-env-what`.
    pub fn of(&self, what: &str) -> String {
        format!("{}-{}-{what}", self.stack, self.env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_aws_refuses_are_refused_first() {
        assert_eq!(Names::new("shop", "prod").map(|names| names.of("app")).ok().as_deref(), Some("shop-prod-app"));
        for bad in ["Shop", "9shop", "shop-", "sh--op", "", "a-very-long-name-of-a-stack"] {
            assert!(Names::new(bad, "prod").is_err(), "{bad}");
        }
    }
}
