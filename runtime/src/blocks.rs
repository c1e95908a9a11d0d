//! The blocks that waiting connections read into, and their pool.
//!
//! Every idle connection holds one, so they are small. A connection whose last request did not fit
//! waits for the next with a wide one, which saves a system call if that is like it. A read cannot
//! be called back, so it keeps the wide one however long it waits: few connections of a worker may
//! have one at a time, and what clients send cannot make idle ones expensive.
//! Knows nothing of sockets.

/// What a connection reads into: of [`BLOCK_BYTES`] or of [`WIDE_BLOCK_BYTES`].
pub(crate) type Block = Box<[u8]>;

/// The blocks of one worker.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    narrow: Vec<Block>,
    wide: Vec<Block>,
    wide_lent: usize,
}

impl Blocks {
    /// Lends a block, to be given back with [`Blocks::take_back`]; a narrow one may be dropped.
    pub(crate) fn lend(&mut self) -> Block {
        let pooled = self.narrow.pop();
        pooled.unwrap_or_else(|| vec![0; BLOCK_BYTES].into())
    }

    /// Lends a wide block, or a narrow one if too many wide ones are lent. It must come back.
    pub(crate) fn lend_wide(&mut self) -> Block {
        if self.wide_lent == WIDE_BLOCKS_LENT_MAX {
            return self.lend();
        }
        self.wide_lent += 1;
        let pooled = self.wide.pop();
        pooled.unwrap_or_else(|| vec![0; WIDE_BLOCK_BYTES].into())
    }

    /// Takes a block back.
    pub(crate) fn take_back(&mut self, block: Block) {
        if block.len() == WIDE_BLOCK_BYTES {
            debug_assert!(self.wide_lent > 0);
            self.wide_lent -= 1;
            self.wide.push(block);
        } else if self.narrow.len() < BLOCKS_POOLED_MAX {
            self.narrow.push(block);
        }
    }
}

/// Size of a usual [`Block`]: the usual request head fits, and 5,000 idle connections cost 5 MB.
pub(crate) const BLOCK_BYTES: usize = 1024;

/// Size of a wide [`Block`]: a page, and the usual JSON body with its head fits.
pub(crate) const WIDE_BLOCK_BYTES: usize = 4096;

/// Most connections of a worker that wait with a wide block: as many as a busy one has. They hold
/// 256 KiB in all; with eight times as many, 5,000 idle connections cost over 2 KiB each.
const WIDE_BLOCKS_LENT_MAX: usize = 64;

/// Most blocks that a worker keeps for reuse, of 1 KiB; of wide ones it keeps all.
const BLOCKS_POOLED_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_wide_blocks_are_ever_made() {
        let mut blocks = Blocks::default();
        for _ in 0..2 {
            let lent: Vec<_> = (0..2 * WIDE_BLOCKS_LENT_MAX)
                .map(|_| blocks.lend_wide())
                .collect();
            let wide = |block: &&Block| block.len() == WIDE_BLOCK_BYTES;
            assert_eq!(lent.iter().filter(wide).count(), WIDE_BLOCKS_LENT_MAX);
            assert!(blocks.wide.is_empty());
            for block in lent {
                blocks.take_back(block);
            }
            assert_eq!(blocks.wide_lent, 0);
            assert_eq!(blocks.wide.len(), WIDE_BLOCKS_LENT_MAX);
            assert_eq!(blocks.narrow.len(), WIDE_BLOCKS_LENT_MAX);
        }
        assert_eq!(blocks.lend_wide().len(), WIDE_BLOCK_BYTES);
        assert_eq!(blocks.lend().len(), BLOCK_BYTES);
    }
}
