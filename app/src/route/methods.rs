//! Sets of request methods, and the `Allow` line of each.
//!
//! An application uses few methods, so a set is one word of bits over the methods it registered.
//! Knows nothing of paths.

use std::fmt::Write;

/// Most different methods one application may register: the bits of a [`MethodSet`].
pub const METHODS_MAX: usize = 64;

/// How people list methods.
const USUAL_ORDER: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The methods an application registered; a method's place in it is its bit.
#[derive(Debug, Clone, Default)]
pub struct Methods {
    names: Vec<String>,
}

/// A set of registered methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct MethodSet(u64);

impl Methods {
    /// The bit of a method, registering it if needed. `None` when [`METHODS_MAX`] are taken.
    pub fn register(&mut self, name: &str) -> Option<MethodSet> {
        if let Some(known) = self.find(name.as_bytes()) {
            return Some(known);
        }
        if self.names.len() == METHODS_MAX {
            return None;
        }
        self.names.push(name.to_owned());
        Some(MethodSet(1 << (self.names.len() - 1)))
    }

    /// The bit of a method of a request. Methods are case-sensitive (RFC 9110 §9.1).
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<MethodSet> {
        let at = self
            .names
            .iter()
            .position(|known| known.as_bytes() == name)?;
        Some(MethodSet(1 << at))
    }

    /// The value of `Allow` for a resource with these methods (RFC 9110 §10.2.1), in the order of
    /// [`USUAL_ORDER`], then alphabetically. HEAD comes with GET, and OPTIONS always, since the
    /// engine answers both itself.
    #[must_use]
    pub fn allow_line(&self, set: MethodSet) -> String {
        let mut names: Vec<&str> = self
            .names
            .iter()
            .enumerate()
            .filter(|(at, _)| set.0 & (1 << at) != 0)
            .map(|(_, name)| name.as_str())
            .collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        let usual = |name: &str| {
            USUAL_ORDER
                .iter()
                .position(|known| *known == name)
                .unwrap_or(USUAL_ORDER.len())
        };
        names.sort_unstable_by_key(|name| (usual(name), *name));
        names.dedup();
        let mut line = String::new();
        for name in names {
            let separator = if line.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(line, "{separator}{name}");
        }
        line
    }
}

impl MethodSet {
    /// No methods.
    pub const EMPTY: Self = Self(0);

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets share a method.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_lists_head_with_get_and_options_always() {
        let mut methods = Methods::default();
        let get = methods.register("GET").unwrap();
        let post = methods.register("POST").unwrap();
        assert_eq!(methods.allow_line(get), "GET, HEAD, OPTIONS");
        assert_eq!(methods.allow_line(post), "POST, OPTIONS");
        assert_eq!(
            methods.allow_line(post.union(get)),
            "GET, HEAD, POST, OPTIONS"
        );
        let options = methods.register("OPTIONS").unwrap();
        assert_eq!(methods.allow_line(options), "OPTIONS");
        assert_eq!(methods.register("GET"), Some(get));
        assert_eq!(methods.find(b"get"), None);
    }

    #[test]
    fn the_sixty_fifth_method_is_refused() {
        let mut methods = Methods::default();
        for number in 0..METHODS_MAX {
            assert!(methods.register(&format!("M{number}")).is_some());
        }
        assert_eq!(methods.register("ONE-MORE"), None);
        assert!(methods.register("M63").is_some());
    }
}
