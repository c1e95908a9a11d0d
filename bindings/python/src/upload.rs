//! Uploaded files as Python objects.
//!
//! What is in memory becomes `bytes`; the temporary file's descriptor is duplicated once for all
//! files of a call, so that they outlive it.

use std::os::fd::IntoRawFd;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList},
};
use spikard_host::{Call, Content};

use crate::setup::hooks;

/// The files of one call.
pub(crate) struct Uploads<'py>(Vec<(String, Bound<'py, PyAny>)>);

impl<'py> Uploads<'py> {
    /// Makes the objects of a call's files.
    pub(crate) fn of(py: Python<'py>, call: &Call<'_>) -> PyResult<Self> {
        let mut spool: Option<Bound<'py, PyAny>> = None;
        let mut files = Vec::new();
        for upload in call.uploads() {
            let content = match upload.content {
                Content::Memory(bytes) => (PyBytes::new(py, bytes).into_any(), 0),
                Content::Spool { file, start } => {
                    let shared = match spool.take() {
                        Some(shared) => shared,
                        None => {
                            let own = file.duplicate()?.into_raw_fd();
                            hooks(py)?.spool.bind(py).call1((own,))?
                        }
                    };
                    spool = Some(shared.clone());
                    (shared, start)
                }
            };
            let (content, start) = content;
            let file = hooks(py)?.upload_file.bind(py).call1((
                upload.name,
                upload.filename,
                upload.content_type,
                upload.headers,
                upload.size,
                content,
                start,
            ))?;
            files.push((upload.name.to_owned(), file));
        }
        Ok(Self(files))
    }

    /// All files, in order.
    pub(crate) fn all(&self) -> Vec<Py<PyAny>> {
        let files = self.0.iter();
        files.map(|(_, file)| file.clone().unbind()).collect()
    }

    /// The files under a name, `*` for all: a list of them, or the last; `None` if there is none.
    pub(crate) fn named(
        &self,
        py: Python<'py>,
        name: &str,
        as_list: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let files = self.0.iter();
        let mut own = files.filter(|(of, _)| name == "*" || of == name);
        if !as_list {
            return Ok(own.next_back().map(|(_, file)| file.clone()));
        }
        let list = PyList::new(py, own.map(|(_, file)| file).collect::<Vec<_>>())?;
        Ok((!list.is_empty()).then(|| list.into_any()))
    }
}
