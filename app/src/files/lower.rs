//! Mounts entered into the match tree while an application is lowered, behind all of its routes.
//!
//! Knows nothing of the tables that answer.

use spikard_contract::config::StaticFilesConfig;

use super::mount::Mount;
use crate::LowerError;
use crate::route::tree::{Builder, RouteIndex};

/// Makes the mounts. The tree numbers them in their order, from `first` on.
///
/// # Errors
/// [`LowerError::StaticFiles`]: a directory is none, or two mounts have one prefix.
pub(crate) fn mounts(
    configs: &[StaticFilesConfig],
    first: usize,
    tree: &mut Builder,
) -> Result<Vec<Mount>, LowerError> {
    let mut mounts: Vec<Mount> = Vec::new();
    for (at, config) in configs.iter().enumerate() {
        let refuse = |(key, fault)| LowerError::StaticFiles { at, key, fault };
        let mount = Mount::new(config).map_err(refuse)?;
        if mounts.iter().any(|other| other.prefix == mount.prefix) {
            let fault = format!("another mount has the prefix '{}' already", mount.prefix);
            return Err(refuse(("route_prefix", fault)));
        }
        // Far fewer than 2^32 fit in memory.
        let mounted = tree.mount(&mount.prefix, (first + at) as RouteIndex);
        mounted.map_err(|_| {
            let fault = "the routes use so many methods that GET finds no room";
            refuse(("route_prefix", fault.to_owned()))
        })?;
        mounts.push(mount);
    }
    Ok(mounts)
}
