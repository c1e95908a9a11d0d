//! A small tree of files to run the tools on, removed when the test ends.
//!
//! The tools run as a program, the way people run them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A directory of its own below the build directory.
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty tree; `name` is the test's.
    pub(crate) fn new(name: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("the build directory is writable");
        Self { root }
    }

    /// Writes one file, with the directories above it.
    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.root.join(path);
        let directory = path.parent().expect("a file is in a directory");
        fs::create_dir_all(directory).expect("the tree is writable");
        fs::write(path, text).expect("the tree is writable");
        self
    }

    /// The text of one file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).expect("the file was written")
    }

    /// Runs the tool on the tree: whether it was content, and what it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output: Output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .arg("--root")
            .arg(&self.root)
            .output()
            .expect("the tool is built");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    /// Absolute path of a file in the tree.
    pub(crate) fn path(&self, path: &str) -> String {
        self.root.join(path).to_string_lossy().into_owned()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
