//! `Headers`: the header fields of a request, and what hooks change of them.
//!
//! Values become Python strings when they are asked for. A change is made on a copy of the fields,
//! and noted for the engine, which makes it too once the hooks have answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::{
    exceptions::PyKeyError,
    prelude::*,
    types::{PyList, PyString, PyTuple},
};
use spikard_host::{Call, Edit, Owned, is_request_id};

type Field = (Box<[u8]>, Box<[u8]>);

/// The fields of one request, shared by all views of them.
pub(crate) struct Fields {
    head: Arc<Owned>,
    own: Mutex<Own>,
}

/// What is not as it was received.
#[derive(Default)]
struct Own {
    /// All fields, once one of them is another.
    fields: Option<Arc<Vec<Field>>>,
    /// What the engine is still to be told.
    edits: Vec<Edit>,
    request_id: Option<Arc<str>>,
    /// Whether the engine wants to know nothing more: the handler has the request.
    is_closed: bool,
}

/// The fields at one moment: no Python code runs under a lock.
struct Snapshot {
    head: Arc<Owned>,
    own: Option<Arc<Vec<Field>>>,
}

impl Snapshot {
    fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], &[u8])> + '_> {
        match &self.own {
            Some(own) => Box::new(own.iter().map(|(name, value)| (&**name, &**value))),
            None => Box::new(self.head.fields()),
        }
    }

    fn values<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.iter();
        fields
            .filter(move |(name, _)| is(name, wanted.as_bytes()))
            .map(|(_, value)| value)
    }
}

impl Fields {
    pub(crate) fn new(head: Arc<Owned>) -> Self {
        Self {
            head,
            own: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            head: self.head.clone(),
            own: self.lock().fields.clone(),
        }
    }

    /// The first value of a name.
    pub(crate) fn find(&self, wanted: &str) -> Option<Vec<u8>> {
        let fields = self.snapshot();
        let first = fields.values(wanted).next();
        first.map(<[u8]>::to_vec)
    }

    /// The values of every line with a name, in order.
    pub(crate) fn all(&self, wanted: &str) -> Vec<Vec<u8>> {
        let fields = self.snapshot();
        let values = fields.values(wanted).map(<[u8]>::to_vec);
        values.collect()
    }

    /// The id of the exchange, as hooks have named it.
    pub(crate) fn request_id(&self) -> Arc<str> {
        let own = self.lock().request_id.clone();
        own.unwrap_or_else(|| (&*self.head.request_id).into())
    }

    /// A later call of the same exchange: the engine may have left out fields meanwhile.
    pub(crate) fn refresh(&self, call: &Call<'_>) {
        let mut own = self.lock();
        let known = own
            .fields
            .as_ref()
            .map_or(self.head.fields().len(), |own| own.len());
        if call.fields().len() != known {
            let all = call
                .fields()
                .map(|(name, value)| (name.into(), value.into()));
            own.fields = Some(Arc::new(all.collect()));
        }
    }

    /// What the engine is to be told.
    pub(crate) fn take_edits(&self) -> Vec<Edit> {
        std::mem::take(&mut self.lock().edits)
    }

    /// What is changed from now on is nobody's affair but the application's.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    fn change(&self, edit: Edit) {
        let mut own = self.lock();
        let own = &mut *own;
        let copy = || {
            let all = self.head.fields();
            Arc::new(
                all.map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            )
        };
        let fields = Arc::make_mut(own.fields.get_or_insert_with(copy));
        match &edit {
            Edit::Set(name, value) => {
                fields.retain(|(known, _)| !is(known, name));
                fields.push((name.clone(), value.clone()));
                let id = value.trim_ascii();
                if is(name, b"x-request-id")
                    && !self.head.request_id.is_empty()
                    && is_request_id(id)
                {
                    own.request_id = Some(String::from_utf8_lossy(id).into());
                }
            }
            Edit::Add(name, value) => fields.push((name.clone(), value.clone())),
            Edit::Remove(name) => fields.retain(|(known, _)| !is(known, name)),
        }
        if !own.is_closed {
            own.edits.push(edit);
        }
    }
}

/// Header bytes as text: UTF-8 where they are, else Latin-1, which loses nothing (RFC 9110 §5.5).
pub(crate) fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(text) => PyString::new(py, text),
        Err(_) => {
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            PyString::new(py, &text)
        }
    }
}

fn is(name: &[u8], wanted: &[u8]) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

fn missing(name: &str) -> PyErr {
    PyKeyError::new_err(name.to_owned())
}

/// The header fields of a request. Names ignore case.
#[pyclass(frozen, mapping, module = "spikard._native")]
pub(crate) struct Headers(pub(crate) Arc<Fields>);

impl Headers {
    fn names<'py>(py: Python<'py>, fields: &Snapshot) -> Vec<Bound<'py, PyString>> {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for (name, _) in fields.iter() {
            let name = name.to_ascii_lowercase();
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
        seen.iter().map(|name| text(py, name)).collect()
    }

    fn first<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyString>> {
        self.0.find(name).map(|value| text(py, &value))
    }
}

#[pymethods]
impl Headers {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        self.first(py, name).ok_or_else(|| missing(name))
    }

    fn __setitem__(&self, name: &str, value: &str) {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        self.0.change(Edit::Set(name.into(), value.into()));
    }

    fn __delitem__(&self, name: &str) -> PyResult<()> {
        self.0.find(name).ok_or_else(|| missing(name))?;
        self.0.change(Edit::Remove(name.as_bytes().into()));
        Ok(())
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        let name = name.extract::<&str>();
        name.is_ok_and(|name| self.0.find(name).is_some())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        Self::names(py, &self.0.snapshot()).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.keys(py))?.try_iter()?.into_any())
    }

    /// The first value of a name, or `default`.
    #[pyo3(signature = (name, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        self.first(py, name).map(Bound::into_any).or(default)
    }

    /// Appends a field, also if the name is there already.
    fn add(&self, name: &str, value: &str) {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        self.0.change(Edit::Add(name.into(), value.into()));
    }

    /// The first value of a name, which is `default` from now on if there was none.
    fn setdefault<'py>(&self, py: Python<'py>, name: &str, default: &str) -> Bound<'py, PyString> {
        self.first(py, name).unwrap_or_else(|| {
            self.__setitem__(name, default);
            PyString::new(py, default)
        })
    }

    /// Removes a name and returns its first value. Raises KeyError if there is none.
    fn pop<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        let value = self.__getitem__(py, name)?;
        self.__delitem__(name)?;
        Ok(value)
    }

    /// Every value of a name, in order.
    fn getlist<'py>(&self, py: Python<'py>, name: &str) -> Vec<Bound<'py, PyString>> {
        self.0
            .all(name)
            .iter()
            .map(|value| text(py, value))
            .collect()
    }

    /// The names, in lower case, each once.
    fn keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        Self::names(py, &self.0.snapshot())
    }

    /// Every field as (lower-case name, value), in order, repeated names included.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let pair = |(name, value): (&[u8], &[u8])| {
            PyTuple::new(py, [text(py, &name.to_ascii_lowercase()), text(py, value)])
        };
        self.0.snapshot().iter().map(pair).collect()
    }

    /// The first value of each name, in the order of `keys`.
    #[pyo3(name = "values")]
    fn first_values<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        let fields = self.0.snapshot();
        let first = |name: &Bound<'py, PyString>| {
            let name = name.to_str().unwrap_or_default();
            fields.values(name).next().map(|value| text(py, value))
        };
        Self::names(py, &fields).iter().filter_map(first).collect()
    }

    fn __repr__(&self) -> String {
        format!("<Headers of {} fields>", self.0.snapshot().iter().count())
    }
}
