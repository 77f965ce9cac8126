package com.example.utilities.web;

import com.example.utilities.domain.MeterReading;
import com.example.utilities.domain.MeterReadingRepository;
import com.example.utilities.domain.ReadingRejected;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.PastOrPresent;
import jakarta.validation.constraints.Positive;
import java.net.URI;
import java.time.LocalDate;
import java.util.List;
import lombok.RequiredArgsConstructor;
import lombok.extern.slf4j.Slf4j;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.web.bind.annotation.*;
import org.springframework.web.util.UriComponentsBuilder;

@Slf4j
@RestController
@RequiredArgsConstructor
@RequestMapping("/meters/{meterId}/readings")
public class MeterReadingController {

    /** A household that uses more in one day has a burst pipe, or mistyped. */
    private static final long MAX_LITRES_PER_DAY = 20_000;

    private final MeterReadingRepository readings;

    record NewReading(@NotNull @PastOrPresent LocalDate day, @Positive long litres) {}

    record ReadingView(LocalDate day, long litres, boolean estimated) {
        static ReadingView of(MeterReading reading) {
            return new ReadingView(reading.getDay(), reading.getLitres(), reading.isEstimated());
        }
    }

    @GetMapping
    public List<ReadingView> list(
            @PathVariable String meterId,
            @RequestParam(required = false) LocalDate from,
            @RequestParam(defaultValue = "100") int limit) {
        LocalDate start = from != null ? from : LocalDate.now().minusYears(1);
        return readings.findByMeterSince(meterId, start).stream()
                .limit(limit)
                .map(ReadingView::of)
                .toList();
    }

    @PostMapping
    @Transactional
    public ResponseEntity<ReadingView> submit(
            @PathVariable String meterId, @RequestBody @Valid NewReading body, UriComponentsBuilder uri) {
        readings.findLatest(meterId).ifPresent(latest -> check(latest, body));
        MeterReading saved = readings.save(new MeterReading(meterId, body.day(), body.litres()));
        URI location = uri.path("/meters/{meter}/readings/{id}").build(meterId, saved.getId());
        log.info("meter {} read on {}", meterId, body.day());
        return ResponseEntity.created(location).body(ReadingView.of(saved));
    }

    private static void check(MeterReading latest, NewReading next) {
        if (!next.day().isAfter(latest.getDay())) {
            throw new ReadingRejected("there is already a reading of " + latest.getDay());
        }
        long days = next.day().toEpochDay() - latest.getDay().toEpochDay();
        long used = next.litres() - latest.getLitres();
        if (used < 0 || used > days * MAX_LITRES_PER_DAY) {
            throw new ReadingRejected("implausible: " + used + " litres in " + days + " days");
        }
    }

    @ExceptionHandler(ReadingRejected.class)
    ProblemDetail rejected(ReadingRejected e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.UNPROCESSABLE_ENTITY, e.getMessage());
    }
}
