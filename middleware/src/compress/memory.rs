//! Memory that brotli's encoder works in, kept from one body to the next.
//!
//! The encoder asks for up to some megabytes per body and gives them back with it. From the C
//! library these would be pages of the kernel's each time, and a fault for each page that is
//! touched: for a body of 20 KB three times the cost of compressing it. What is given back here
//! lies on a shelf and is cleared when it is lent again, which costs little beside that.
//! Knows nothing of what is kept in it.

use std::any::{Any, TypeId};
use std::mem::size_of;

use brotli::enc::combined_alloc::BrotliAlloc;
use brotli::{Allocator, SliceWrapper, SliceWrapperMut};

/// Memory of one encoder at a time. See the module's documentation.
#[derive(Default)]
pub(super) struct Memory {
    /// For each type a `Vec<Vec<T>>`: a dozen, so that looking through them is quick.
    shelves: Vec<(TypeId, Box<dyn Any + Send>)>,
}

/// A slice that the encoder has borrowed.
pub(super) struct Cell<T>(Vec<T>);

impl Memory {
    fn shelf<T: Send + 'static>(&mut self) -> Option<&mut Vec<Vec<T>>> {
        let id = TypeId::of::<T>();
        let place = match self.shelves.iter().position(|(of, _)| *of == id) {
            Some(place) => place,
            None => {
                self.shelves.push((id, Box::new(Vec::<Vec<T>>::new())));
                self.shelves.len() - 1
            }
        };
        // Always there: it was put in under this type.
        self.shelves[place].1.downcast_mut()
    }
}

impl BrotliAlloc for Memory {}

impl<T: Clone + Default + Send + 'static> Allocator<T> for Memory {
    type AllocatedMemory = Cell<T>;

    /// Lends a slice of defaults. The smallest that is large enough is lent, and where none is, the
    /// largest is given up, so that there are never more than were ever lent at once.
    fn alloc_cell(&mut self, length: usize) -> Cell<T> {
        let shelf = match length {
            0 => None,
            _ => self.shelf::<T>(),
        };
        if let Some(shelf) = shelf {
            let sizes = || shelf.iter().map(Vec::capacity).enumerate();
            let fits = sizes().filter(|(_, size)| *size >= length);
            if let Some((place, _)) = fits.min_by_key(|(_, size)| *size) {
                let mut slice = shelf.swap_remove(place);
                slice.clear();
                slice.resize(length, T::default());
                return Cell(slice);
            }
            if let Some((place, _)) = sizes().max_by_key(|(_, size)| *size) {
                shelf.swap_remove(place);
            }
        }
        Cell(vec![T::default(); length])
    }

    fn free_cell(&mut self, cell: Cell<T>) {
        let bytes = cell.0.capacity() * size_of::<T>();
        if bytes > 0
            && bytes <= CELL_BYTES_KEPT_MAX
            && let Some(shelf) = self.shelf()
        {
            shelf.push(cell.0);
        }
    }
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SliceWrapper<T> for Cell<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cell<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// Largest slice that is kept, in bytes: the tables of level 8. What levels above work in is not
/// worth keeping, as they take long in any case.
const CELL_BYTES_KEPT_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn lend(memory: &mut Memory, length: usize) -> Cell<u32> {
        memory.alloc_cell(length)
    }

    #[test]
    fn what_is_lent_again_is_clear_and_the_smallest_that_fits() {
        let mut memory = Memory::default();
        let (mut small, large) = (lend(&mut memory, 8), lend(&mut memory, 100));
        small.slice_mut().fill(7);
        let (at, other) = (small.slice().as_ptr(), large.slice().as_ptr());
        memory.free_cell(large);
        memory.free_cell(small);
        let again = lend(&mut memory, 5);
        assert_eq!((again.slice(), again.slice().as_ptr()), (&[0; 5][..], at));
        assert_eq!(lend(&mut memory, 6).slice().as_ptr(), other);
        let bytes: Cell<u8> = memory.alloc_cell(3);
        assert_eq!(bytes.slice(), [0; 3], "each type has its own");
    }

    #[test]
    fn growing_bodies_leave_no_trail_and_giants_are_not_kept() {
        let mut memory = Memory::default();
        for length in 1..200 {
            let cell = lend(&mut memory, length);
            memory.free_cell(cell);
        }
        let kept = |memory: &mut Memory| memory.shelf::<u32>().map_or(0, |shelf| shelf.len());
        assert_eq!(kept(&mut memory), 1);
        let giant = lend(&mut memory, CELL_BYTES_KEPT_MAX / 4 + 1);
        memory.free_cell(giant);
        assert_eq!(kept(&mut memory), 0);
    }
}
