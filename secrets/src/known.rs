//! The secrets that the settings declare, by the names that people use, and when each is due for another value.

use crate::config::{Config, Generate};
use contract::Names;
use engine::{Address, LayerName};

/// What the database's password is called: in its parameter's name, and in the container.
pub const DATABASE_PASSWORD: (&str, &str) = ("database-password", "DATABASE_PASSWORD");

/// One declared secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The last part of its parameter's name: `flask-secret-key`.
    pub what: String,
    /// The environment variable that the container gets it as.
    pub variable: String,
    /// Its parameter: `/stack/env/what`.
    pub parameter: String,
    /// How its next value is made.
    pub generate: Generate,
    /// Days after which it is due for another value.
    pub rotate_after_days: Option<u16>,
}

/// The last part of the name of a variable's parameter.
pub(crate) fn what(variable: &str) -> String {
    variable.to_lowercase().replace('_', "-")
}

impl Known {
    /// Where it is declared.
    pub fn address(&self) -> Address {
        Address::new(LayerName::Secrets, format!("secret-{}", self.what))
    }

    /// Whether it is the database's password.
    pub fn is_database(&self) -> bool {
        self.what == DATABASE_PASSWORD.0
    }

    /// Whether a person means this one: by its variable, by its parameter or the last part of that, or as `database`.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.parameter || what(name) == self.what || (self.is_database() && name == "database")
    }
}

/// Every secret that the settings declare.
pub fn known(config: &Config, names: &Names) -> Vec<Known> {
    let of = |what: String, variable: &str, generate: Generate| Known {
        parameter: names.parameter(&what),
        what,
        variable: variable.to_owned(),
        generate,
        rotate_after_days: generate.rotate_after_days.or(config.rotate_after_days),
    };
    let (password, variable) = DATABASE_PASSWORD;
    let app = config.app.iter().map(|(variable, generate)| of(what(variable), variable, *generate));
    std::iter::once(of(password.to_owned(), variable, config.database_password)).chain(app).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_each_of_its_names() {
        let names = Names::new("shop", "prod").unwrap();
        let all = known(&Config { rotate_after_days: Some(90), ..Config::default() }, &names);
        let found = |name: &str| all.iter().filter(|it| it.is_called(name)).map(|it| it.what.as_str()).collect::<Vec<_>>();
        for name in ["database", "database-password", "DATABASE_PASSWORD", "/shop/prod/database-password"] {
            assert_eq!(found(name), ["database-password"], "{name}");
        }
        for name in ["FLASK_SECRET_KEY", "flask-secret-key", "/shop/prod/flask-secret-key"] {
            assert_eq!(found(name), ["flask-secret-key"], "{name}");
        }
        assert!(found("flask").is_empty() && found("").is_empty());
        assert!(all.iter().all(|it| it.rotate_after_days == Some(90)));
    }
}
