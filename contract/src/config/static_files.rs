//! A folder whose files are served under a prefix of the path.
//!
//! Knows nothing of how a file is found or sent.

use crate::config;

config! {
    /// A directory whose files are answered to GET and HEAD. The application's own routes win over
    /// them, and a path that a route has for another method stays a 405.
    pub struct StaticFilesConfig checked by fits {
        /// The directory. It must be there when the server starts, and is looked up anew for each
        /// request: replace it as a whole, and the new files are served.
        directory: String = String::new(), in 1..=4_096, unit "characters", is required;
        /// Path under which the files stand, such as `/static`; `/` puts them at the root.
        route_prefix: String = "/static".to_owned(), in 1..=1_024, unit "characters",
            is required;
        /// Answer a folder with its `index.html`. A folder's address ends with a slash; without it
        /// the reply is a 308 to the address with one. A folder without index is a 404: nothing
        /// lists names.
        index_file: bool = true;
        /// `Cache-Control` of every file that is found. `null` sets none.
        cache_control: Option<String> = None, in 1..=1_024, unit "characters";
        /// Send `name.br` or `name.gz` in the place of `name` to clients that accept the coding.
        /// One that is older than its file is not sent. Replies then have `Vary: Accept-Encoding`.
        precompressed: bool = false;
        /// Compress texts as `compression` of the server says, large ones as they are sent. When
        /// false, files are sent as they lie there, precompressed ones among them.
        compression: bool = true;
        /// File within the directory that answers, with 200 and `Cache-Control: no-cache`, where
        /// there is no file and the client accepts `text/html` by name: the page of an application
        /// that routes in the browser. `null` answers 404.
        fallback_file: Option<String> = None, in 1..=1_024, unit "characters";
        /// Serve names that begin with a dot. When false they are a 404, and so is all that is
        /// below them.
        hidden_files: bool = false;
        /// Follow symbolic links. Those that leave the directory are a 404 in any case, and so are
        /// those that name their target from the root of the file system.
        follow_symlinks: bool = true;
    }
}

fn fits(mount: &StaticFilesConfig) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if let Some(fault) = prefix_fault(&mount.route_prefix) {
        faults.push(("route_prefix", fault.to_owned()));
    }
    let is_value = |value: &String| value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !mount.cache_control.as_ref().is_none_or(is_value) {
        let fault = "it must be visible ASCII, as the header it becomes";
        faults.push(("cache_control", fault.to_owned()));
    }
    if !mount.fallback_file.as_deref().is_none_or(is_inside) {
        let fault = "it must name a file within the directory: no '..', no leading '/'";
        faults.push(("fallback_file", fault.to_owned()));
    }
    faults
}

fn prefix_fault(prefix: &str) -> Option<&'static str> {
    let Some(path) = prefix.strip_prefix('/') else {
        return Some("it must begin with '/'");
    };
    if path.contains(['?', '#', '{', '}', ':', '*', '%', '\\']) {
        return Some("it is taken literally, without parameters, query or percent-encoding");
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let has_odd_segment = path
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."));
    (!path.is_empty() && has_odd_segment).then_some("its segments must have names")
}

fn is_inside(name: &str) -> bool {
    let is_name = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains('\0');
    name.split('/').all(is_name)
}
