//! Uploaded files as arguments of handlers, and what a route asks of them.
//!
//! The engine has read, bounded and judged the files by then; here they only change shape. A file
//! owns its content, or a share in the temporary file that has it, so a handler may keep it across
//! a wait or give it away.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use spikard_contract::route::{ANY_FILE, FileDocument};
use spikard_middleware::{Keeping, Upload, Uploads};

use crate::extract::{Call, Extract};
use crate::failure::Failure;
use crate::needs::Needs;

/// The files of a `multipart/form-data` body, in order of arrival.
///
/// Which files a route takes is said with [`crate::Route::file`]; without that it takes any. Text
/// fields beside them are an argument of their own, [`crate::Form`].
///
/// ```
/// use spikard::{App, FileRule, Files, TestClient};
///
/// let mut app = App::new();
/// app.post("/avatar", |files: Files| {
///     let picture = files.file("picture").expect("the rule requires it");
///     format!("{} has {} bytes", picture.filename(), picture.size())
/// })
/// .file(FileRule::new("picture").types(["image/*"]).max_size(1 << 20));
///
/// let client = TestClient::new(app)?;
/// let upload = client.post("/avatar").file("picture", "me.png", "image/png", b"\x89PNG");
/// assert_eq!(upload.send().text(), "me.png has 4 bytes");
/// let refused = client.post("/avatar").file("picture", "me.txt", "text/plain", b"me").send();
/// assert_eq!(refused.json()["errors"][0]["type"], "file_type");
/// # Ok::<(), spikard::RunError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Files(pub Vec<UploadFile>);

impl Files {
    /// The first file under a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&UploadFile> {
        self.0.iter().find(|file| file.name() == name)
    }

    /// Every file under a name.
    pub fn named<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f UploadFile> {
        self.0.iter().filter(move |file| file.name() == name)
    }
}

impl Deref for Files {
    type Target = [UploadFile];

    fn deref(&self) -> &[UploadFile] {
        &self.0
    }
}

impl Extract for Files {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let uploads = &call.exchange.uploads;
        let files = uploads.table().iter();
        Ok(Self(
            files
                .map(|upload| UploadFile::of(uploads, upload))
                .collect(),
        ))
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.files(FileRule::new(ANY_FILE).optional().multiple());
    }
}

/// One uploaded file.
#[derive(Debug, Clone)]
pub struct UploadFile {
    name: String,
    filename: String,
    content_type: String,
    headers: Vec<(String, String)>,
    size: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Memory(Arc<[u8]>),
    Spool(Arc<File>, u64),
}

impl UploadFile {
    fn of(uploads: &Uploads, upload: &Upload) -> Self {
        let text = |span| uploads.text(span).to_owned();
        let headers = uploads.text(upload.headers).lines();
        let spool = uploads.spool.clone();
        let is_spooled = upload.keeping == Keeping::Spool as u32;
        Self {
            name: text(upload.name),
            filename: text(upload.filename),
            content_type: text(upload.content_type),
            headers: headers
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            size: upload.size,
            content: match spool.filter(|_| is_spooled) {
                Some(file) => Content::Spool(file, upload.start),
                None => Content::Memory(uploads.content(upload).unwrap_or_default().into()),
            },
        }
    }

    /// The name of its part.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its filename as the client sent it, which may be any path: never open it.
    #[must_use]
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// Its content type as the client sent it; empty if there is none.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The header fields of its part, names in lower case.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether its content is in a temporary file rather than in memory.
    #[must_use]
    pub fn is_spooled(&self) -> bool {
        matches!(self.content, Content::Spool(..))
    }

    /// Its whole content. Blocks for a disk if it is spooled.
    ///
    /// # Errors
    /// The file system's.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader of its content from the start, with a position of its own. Blocks for a disk if the
    /// file is spooled.
    #[must_use]
    pub fn reader(&self) -> FileReader<'_> {
        FileReader { file: self, at: 0 }
    }
}

/// Reads an [`UploadFile`].
#[derive(Debug, Clone)]
pub struct FileReader<'f> {
    file: &'f UploadFile,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.file.size.saturating_sub(self.at);
        let length = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = match &self.file.content {
            Content::Memory(bytes) => {
                // Within the content: `length` is 0 behind its end.
                let start = (self.at as usize).min(bytes.len());
                into[..length].copy_from_slice(&bytes[start..start + length]);
                length
            }
            Content::Spool(file, start) => file.read_at(&mut into[..length], start + self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a seek before the start")
        })?;
        Ok(self.at)
    }
}

/// What a route asks of the files under one name; see [`crate::Route::file`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule(pub(crate) FileDocument);

impl FileRule {
    /// One file of any size and type, which must be there and not empty.
    pub fn new(name: impl Into<String>) -> Self {
        Self(FileDocument {
            name: name.into(),
            required: true,
            multiple: false,
            max_size: None,
            types: Vec::new(),
            check_magic: false,
            allow_empty: false,
        })
    }

    /// It may be absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.0.required = false;
        self
    }

    /// There may be more than one.
    #[must_use]
    pub fn multiple(mut self) -> Self {
        self.0.multiple = true;
        self
    }

    /// Most bytes of each. No more is kept while it arrives.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.0.max_size = Some(bytes);
        self
    }

    /// Media types it may say it is, such as `image/png` or `image/*`.
    #[must_use]
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.0.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Its first bytes must fit the media type that it says it is.
    #[must_use]
    pub fn check_magic(mut self) -> Self {
        self.0.check_magic = true;
        self
    }

    /// It may have no bytes.
    #[must_use]
    pub fn allow_empty(mut self) -> Self {
        self.0.allow_empty = true;
        self
    }
}
