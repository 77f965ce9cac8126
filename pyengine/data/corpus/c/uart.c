/*
 * UART driver for the sensor board (Cortex-M0, 48 MHz).
 *
 * Receive: interrupt, into a small FIFO. Transmit: polled, since nothing longer than a
 * line is ever sent.
 *
 * Errata 2.4.1: after an overrun the RX interrupt does not fire again until ICR is written.
 */
#include <stdint.h>
#include <stdbool.h>

#include "board.h"
#include "uart.h"

#define UART_BASE   0x40013800u
#define REG(offset) (*(volatile uint32_t *)(UART_BASE + (offset)))

#define UART_CR1    REG(0x00)
#define UART_BRR    REG(0x0C)
#define UART_ISR    REG(0x1C)
#define UART_ICR    REG(0x20)
#define UART_RDR    REG(0x24)
#define UART_TDR    REG(0x28)

#define CR1_UE      (1u << 0)
#define CR1_RE      (1u << 2)
#define CR1_TE      (1u << 3)
#define CR1_RXNEIE  (1u << 5)
#define ISR_FE      (1u << 1)
#define ISR_ORE     (1u << 3)
#define ISR_RXNE    (1u << 5)
#define ISR_TXE     (1u << 7)

#define FIFO_SIZE   64u             /* must be a power of two */
#define FIFO_MASK   (FIFO_SIZE - 1u)

static volatile uint8_t  fifo[FIFO_SIZE];
static volatile uint8_t  head, tail;    /* head: interrupt only; tail: main loop only */
static struct uart_stats stats;

void uart_init(uint32_t baud)
{
    board_enable_clock(CLOCK_UART1);
    board_pin_function(PIN_PA9, AF1);
    board_pin_function(PIN_PA10, AF1);

    UART_BRR = (SYSCLK_HZ + baud / 2u) / baud;
    UART_CR1 = CR1_UE | CR1_RE | CR1_TE | CR1_RXNEIE;
    board_enable_irq(IRQ_UART1, 2);
}

void UART1_IRQHandler(void)
{
    uint32_t isr = UART_ISR;

    if (isr & (ISR_ORE | ISR_FE)) {
        UART_ICR = ISR_ORE | ISR_FE;
        stats.errors++;
    }
    if (isr & ISR_RXNE) {
        uint8_t byte = (uint8_t)UART_RDR;   /* reading clears the flag */
        uint8_t next = (head + 1u) & FIFO_MASK;

        if (next == tail) {
            stats.dropped++;
            return;
        }
        fifo[head] = byte;
        head = next;
    }
}

bool uart_getc(uint8_t *byte)
{
    if (head == tail)
        return false;
    *byte = fifo[tail];
    tail = (tail + 1u) & FIFO_MASK;
    return true;
}

void uart_putc(uint8_t byte)
{
    while (!(UART_ISR & ISR_TXE))
        ;
    UART_TDR = byte;
}

void uart_puts(const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            uart_putc('\r');
        uart_putc((uint8_t)*s);
    }
}

const struct uart_stats *uart_get_stats(void)
{
    return &stats;
}
