//! A set of documents of one part.

/// One bit a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    length: u32,
}

impl Bits {
    /// No document.
    pub(crate) fn none(length: u32) -> Self {
        Self { words: vec![0; length.div_ceil(64) as usize], length }
    }

    /// Every document.
    pub(crate) fn all(length: u32) -> Self {
        let mut bits = Self { words: vec![u64::MAX; length.div_ceil(64) as usize], length };
        bits.cut();
        bits
    }

    /// These documents.
    pub(crate) fn of(length: u32, documents: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = Self::none(length);
        for document in documents {
            bits.set(document);
        }
        bits
    }

    /// Adds a document.
    pub(crate) fn set(&mut self, document: u32) {
        if let Some(word) = self.words.get_mut((document / 64) as usize) {
            *word |= 1 << (document % 64);
        }
    }

    /// Whether it has a document.
    pub(crate) fn has(&self, document: u32) -> bool {
        self.words.get((document / 64) as usize).is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    /// Keeps what is in both.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Adds what is in the other.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Takes out what is in the other.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// In ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).step_by(64).zip(&self.words).flat_map(|(base, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    base + bit
                })
            })
        })
    }

    fn cut(&mut self) {
        let rest = self.length % 64;
        if let (true, Some(last)) = (rest > 0, self.words.last_mut()) {
            *last &= (1 << rest) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_combine() {
        for length in [0, 1, 63, 64, 65, 200] {
            let all = Bits::all(length);
            assert_eq!(all.count(), u64::from(length));
            assert_eq!(all.iter().collect::<Vec<_>>(), (0..length).collect::<Vec<_>>());
            let even = Bits::of(length, (0..length).filter(|document| document % 2 == 0));
            let mut odd = all.clone();
            odd.subtract(&even);
            assert!(odd.iter().all(|document| document % 2 == 1 && odd.has(document) && !even.has(document)));
            let mut both = odd.clone();
            both.unite(&even);
            assert_eq!(both, all);
            both.intersect(&odd);
            assert_eq!(both, odd);
            odd.intersect(&even);
            assert!(odd.is_empty());
        }
    }
}
