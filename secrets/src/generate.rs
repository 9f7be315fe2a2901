//! Values that nobody can guess.

use crate::config::Alphabet;
use engine::{Class, Fault};
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::SecretString;

/// A value from the operating system's generator, each character equally likely.
///
/// # Errors
/// [`Class::Unavailable`] when the operating system gives no random bytes.
pub fn generate(length: usize, alphabet: Alphabet) -> Result<SecretString, Fault> {
    let characters = alphabet.characters();
    // The largest multiple of the alphabet's size: bytes above it would favour the first characters.
    let fair = 256 - 256 % characters.len();
    let mut value = String::with_capacity(length);
    while value.len() < length {
        let mut byte = [0u8];
        let broken = |error| Fault::new(Class::Unavailable, format!("the operating system gives no random bytes: {error}"));
        OsRng.try_fill_bytes(&mut byte).map_err(broken)?;
        let index = usize::from(byte[0]);
        if index < fair {
            value.push(char::from(characters[index % characters.len()]));
        }
    }
    Ok(SecretString::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn values_have_their_length_and_alphabet_and_differ() {
        for alphabet in [Alphabet::Alphanumeric, Alphabet::Symbols, Alphabet::Hex] {
            let (one, two) = (generate(40, alphabet).unwrap(), generate(40, alphabet).unwrap());
            assert_eq!(one.expose_secret().len(), 40);
            assert!(one.expose_secret().bytes().all(|byte| alphabet.characters().contains(&byte)));
            assert_ne!(one.expose_secret(), two.expose_secret());
        }
    }
}
