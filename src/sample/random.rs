//! A small generator of pseudo-random numbers: the same numbers on every machine and in every version. Not for secrets.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Streams of different names are independent, so that a change in one part of the story leaves the others as they are.
    pub(super) fn stream(name: &str) -> Self {
        // FNV-1a, which spreads short names well enough to seed with.
        let state = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn wide(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    /// A number from `low` up to, but without, `high`. Just `low` where there is no room between them.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let room = high.saturating_sub(low).max(1).unsigned_abs();
        low.saturating_add_unsigned(self.next() % room)
    }

    pub(super) fn percent(&mut self, chance: i64) -> bool {
        self.between(0, 100) < chance
    }

    /// One of the choices; nothing only where there is none.
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let place = usize::try_from(self.next() % (choices.len().max(1) as u64)).unwrap_or_default();
        choices.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_stream_repeats_itself() {
        let draw = |name| {
            let mut random = Random::stream(name);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(draw("orders"), draw("orders"));
        assert_ne!(draw("orders"), draw("messages"));
    }

    #[test]
    fn a_number_stays_within_its_bounds() {
        let mut random = Random::stream("bounds");
        assert!((0..1000).map(|_| random.between(-3, 4)).all(|number| (-3..4).contains(&number)));
        assert_eq!(random.between(5, 5), 5);
    }
}
