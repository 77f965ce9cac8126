use std::ops::{Add, Mul};

pub trait Unit {
    const SYMBOL: &'static str;
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quantity<U: Unit, const SCALE: u32> {
    raw: i64,
    unit: std::marker::PhantomData<U>,
}

impl<U: Unit + Copy, const SCALE: u32> Quantity<U, SCALE> {
    pub const fn new(raw: i64) -> Self {
        Self { raw, unit: std::marker::PhantomData }
    }

    pub fn describe(&self) -> String {
        format!("{:.2} {}", self.raw as f64 / f64::from(SCALE), U::SYMBOL)
    }
}

impl<U: Unit + Copy, const SCALE: u32> Add for Quantity<U, SCALE> {
    type Output = Self;

    fn add(self, other: Self) -> Self::Output {
        Self::new(self.raw.saturating_add(other.raw))
    }
}

impl<U: Unit + Copy, const SCALE: u32> Mul<i64> for Quantity<U, SCALE> {
    type Output = Self;

    fn mul(self, factor: i64) -> Self::Output {
        Self::new(self.raw * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
    struct Metre;

    impl Unit for Metre {
        const SYMBOL: &'static str = "m";
    }

    #[test]
    fn adds_and_scales() {
        let length = Quantity::<Metre, 1000>::new(1500) + Quantity::new(250);
        assert_eq!((length * 2).describe(), "3.50 m");
    }

    #[test]
    fn saturates_instead_of_wrapping() {
        let far = Quantity::<Metre, 1>::new(i64::MAX - 1);
        assert_eq!(far + Quantity::new(10), Quantity::new(i64::MAX));
        assert!(far < Quantity::new(i64::MAX), "ordered by the raw number");
    }
}
