#![no_std]
#![forbid(unsafe_code)]

//! A PID controller in fixed point, for chips without a floating-point unit.
//!
//! All gains and values are Q16.16. The derivative acts on the measurement and not on the error, so
//! that a new set point gives no kick, and the integral stops growing while the output is at its stop.

/// A number with sixteen binary places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Fixed(i32);

impl Fixed {
    pub const ONE: Fixed = Fixed(1 << 16);
    pub const MAX: Fixed = Fixed(i32::MAX);

    pub const fn from_int(n: i16) -> Self {
        Fixed((n as i32) << 16)
    }

    pub const fn from_ratio(n: i32, d: i32) -> Self {
        Fixed((((n as i64) << 16) / d as i64) as i32)
    }

    pub const fn round(self) -> i32 {
        (self.0.saturating_add(1 << 15)) >> 16
    }
}

impl core::ops::Mul for Fixed {
    type Output = Fixed;

    #[inline]
    fn mul(self, other: Fixed) -> Fixed {
        let wide = (self.0 as i64 * other.0 as i64) >> 16;
        Fixed(wide.clamp(i32::MIN as i64, i32::MAX as i64) as i32)
    }
}

impl core::ops::Add for Fixed {
    type Output = Fixed;

    #[inline]
    fn add(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_add(other.0))
    }
}

impl core::ops::Sub for Fixed {
    type Output = Fixed;

    #[inline]
    fn sub(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_sub(other.0))
    }
}

/// What is controlled: a heater, a motor, a valve.
pub trait Plant {
    type Error;

    fn measure(&mut self) -> Result<Fixed, Self::Error>;
    fn actuate(&mut self, output: Fixed) -> Result<(), Self::Error>;
}

#[derive(Clone)]
pub struct Pid {
    pub kp: Fixed,
    pub ki: Fixed,
    pub kd: Fixed,
    limits: (Fixed, Fixed),
    integral: Fixed,
    previous: Option<Fixed>,
}

impl Pid {
    /// # Panics
    ///
    /// If the lower limit is not below the upper one.
    pub fn new(kp: Fixed, ki: Fixed, kd: Fixed, limits: (Fixed, Fixed)) -> Self {
        assert!(limits.0 < limits.1);
        Pid { kp, ki, kd, limits, integral: Fixed::default(), previous: None }
    }

    pub fn reset(&mut self) {
        self.integral = Fixed::default();
        self.previous = None;
    }

    pub fn update(&mut self, target: Fixed, measured: Fixed) -> Fixed {
        let error = target - measured;
        let slope = match self.previous.replace(measured) {
            Some(before) => measured - before,
            None => Fixed::default(),
        };
        let integral = self.integral + self.ki * error;
        let raw = self.kp * error + integral - self.kd * slope;
        let output = raw.clamp(self.limits.0, self.limits.1);
        let winding_up = (raw > output && error > Fixed::default()) || (raw < output && error < Fixed::default());
        if !winding_up {
            self.integral = integral;
        }
        output
    }

    /// One round of measuring and acting; on failure the plant is left as it is.
    pub fn step<P: Plant>(&mut self, plant: &mut P, target: Fixed) -> Result<Fixed, P::Error> {
        let measured = plant.measure()?;
        let output = self.update(target, measured);
        plant.actuate(output)?;
        Ok(output)
    }
}
