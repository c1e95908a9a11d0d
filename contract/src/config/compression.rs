//! How replies are compressed.

use crate::config;

config! {
    /// How the bodies of replies are compressed.
    ///
    /// The client's weights choose the coding; among equals brotli comes before gzip. What is
    /// compressed already (images, archives, replies with a `Content-Encoding` of their own) is
    /// left as it is, and so is a reply with `Cache-Control: no-transform`, a part of a file, and
    /// one that would not become smaller.
    pub struct CompressionConfig {
        /// Offer gzip.
        gzip: bool = true;
        /// Offer brotli.
        brotli: bool = true;
        /// Smallest body that is compressed.
        min_size: u64 = 1024, in 0..=1_073_741_824_u64, unit "bytes";
        /// How hard to try: 0 is the fastest and 11 the smallest. gzip knows 1 to 9: 0 is 1 to it,
        /// and 10 and 11 are 9. Bodies that would hold a worker for long are compressed on
        /// another thread.
        quality: u32 = 6, in 0..=11, unit "level";
    }
}
