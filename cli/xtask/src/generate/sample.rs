//! Config records with knobs of every kind, which the generators' tests print.
//!
//! Knows nothing of any language.

use std::collections::BTreeMap;
use std::time::Duration;

use spikard_contract::config;
use spikard_contract::knob::Secret;

config! {
    /// An inner record.
    pub struct InnerConfig {
        /// A wait.
        wait: Duration = Duration::from_millis(500), in 0..=3_600;
    }
}

config! {
    /// An outer record.
    pub struct OuterConfig {
        /// Always there.
        inner: InnerConfig = InnerConfig::default();
        /// There when asked for, unlike `several_of_them`.
        extra: Option<InnerConfig> = None;
        /// Some of them.
        several_of_them: Vec<InnerConfig> = Vec::new(), in 0..=4;
        /// Words nobody may see.
        keys: Vec<Secret> = Vec::new(), in 1..=8, is required;
        /// Another.
        pass: Option<Secret> = None;
        /// Words with a default.
        verbs: Vec<String> = vec!["GET".to_owned()];
        /// Names of one's own.
        named: BTreeMap<String, InnerConfig> = BTreeMap::new();
    }
}
