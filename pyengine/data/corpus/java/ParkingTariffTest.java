package org.example.parking;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.LocalDateTime;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.mockito.Mock;
import org.mockito.junit.jupiter.MockitoExtension;

@ExtendWith(MockitoExtension.class)
class ParkingTariffTest {
    private static final LocalDateTime MONDAY_NOON = LocalDateTime.of(2022, 6, 13, 12, 0);

    @Mock
    private HolidayCalendar holidays;

    private ParkingTariff tariff;

    @BeforeEach
    void setUp() {
        tariff = new ParkingTariff(new BigDecimal("1.80"), new BigDecimal("14.00"), holidays);
    }

    @ParameterizedTest(name = "{0} minutes cost {1}")
    @CsvSource({"0, 0.00", "15, 0.00", "16, 1.80", "60, 1.80", "61, 3.60", "479, 14.00"})
    void chargesEveryHourBegun(int minutes, BigDecimal expected) {
        assertEquals(expected, tariff.price(MONDAY_NOON, Duration.ofMinutes(minutes)));
    }

    @Test
    @DisplayName("the daily maximum starts again at midnight")
    void dailyMaximum() {
        BigDecimal twoDays = tariff.price(MONDAY_NOON, Duration.ofHours(36));
        assertEquals(new BigDecimal("28.00"), twoDays);
    }

    @Test
    void negativeStayIsABug() {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> tariff.price(MONDAY_NOON, Duration.ofMinutes(-1)));
        assertEquals("stay is negative: PT-1M", e.getMessage());
    }

    @Nested
    class OnHolidays {
        @BeforeEach
        void everyDayIsAHoliday() {
            when(holidays.isHoliday(MONDAY_NOON.toLocalDate())).thenReturn(true);
        }

        @Test
        void parkingIsFree() {
            assertAll(
                    () -> assertEquals(BigDecimal.ZERO.setScale(2), tariff.price(MONDAY_NOON, Duration.ofHours(1))),
                    () -> assertEquals(BigDecimal.ZERO.setScale(2), tariff.price(MONDAY_NOON, Duration.ofHours(11))));
        }
    }

    @Test
    void shortStaysDoNotAskTheCalendar() {
        tariff.price(MONDAY_NOON, Duration.ofMinutes(10));
        verify(holidays, never()).isHoliday(MONDAY_NOON.toLocalDate());
    }
}
