import * as React from 'react'
import { createPortal } from 'react-dom'

const FOCUSABLE = 'a[href], button:not([disabled]), input, select, textarea, [tabindex]:not([tabindex="-1"])'

interface DialogProps extends React.HTMLAttributes<HTMLDivElement> {
    open: boolean
    title: string
    onClose(reason: 'escape' | 'backdrop' | 'button'): void
    /** Gets the focus when the dialog opens; the first field otherwise. */
    initialFocus?: React.RefObject<HTMLElement>
}

// Several dialogs may lie on top of each other; only the topmost one listens to the keyboard.
const stack: symbol[] = []

function useTopmost(open: boolean) {
    const [id] = React.useState(() => Symbol('dialog'))
    React.useEffect(() => {
        if (!open) return
        stack.push(id)
        document.body.style.overflow = 'hidden'
        return () => {
            stack.splice(stack.indexOf(id), 1)
            if (stack.length === 0) document.body.style.overflow = ''
        }
    }, [open, id])
    return React.useCallback(() => stack[stack.length - 1] === id, [id])
}

export const Dialog = React.forwardRef<HTMLDivElement, DialogProps>(function Dialog(
    { open, title, onClose, initialFocus, children, ...rest },
    forwarded,
) {
    const own = React.useRef<HTMLDivElement | null>(null)
    const titleId = React.useId()
    const isTopmost = useTopmost(open)

    React.useImperativeHandle(forwarded, () => own.current!)

    React.useEffect(() => {
        if (!open) return
        const before = document.activeElement as HTMLElement | null
        const first = own.current?.querySelector<HTMLElement>(FOCUSABLE)
        ;(initialFocus?.current ?? first ?? own.current)?.focus()
        return () => before?.focus()
    }, [open, initialFocus])

    function handleKeyDown(event: React.KeyboardEvent) {
        if (!isTopmost()) return
        if (event.key === 'Escape') {
            event.stopPropagation()
            onClose('escape')
            return
        }
        if (event.key !== 'Tab') return
        const inside = Array.from(own.current!.querySelectorAll<HTMLElement>(FOCUSABLE))
        const edge = event.shiftKey ? inside[0] : inside[inside.length - 1]
        if (document.activeElement === edge) {
            event.preventDefault()
            const other = event.shiftKey ? inside[inside.length - 1] : inside[0]
            other?.focus()
        }
    }

    if (!open || typeof document === 'undefined') return null
    return createPortal(
        <div className="backdrop" onMouseDown={(e) => e.target === e.currentTarget && onClose('backdrop')}>
            <div
                {...rest}
                ref={own}
                role="dialog"
                aria-modal
                aria-labelledby={titleId}
                tabIndex={-1}
                onKeyDown={handleKeyDown}
            >
                <header>
                    <h2 id={titleId}>{title}</h2>
                    <button aria-label="Close" onClick={() => onClose('button')}>
                        ✕
                    </button>
                </header>
                {children}
            </div>
        </div>,
        document.body,
    )
})

/** `const [ask, dialog] = useConfirm()`: ask() resolves to what the user chose. */
export function useConfirm() {
    const [question, setQuestion] = React.useState<{ text: string; answer(yes: boolean): void } | null>(null)
    const ask = React.useCallback(
        (text: string) => new Promise<boolean>((answer) => setQuestion({ text, answer })),
        [],
    )
    const finish = (yes: boolean) => {
        question?.answer(yes)
        setQuestion(null)
    }
    const dialog = (
        <Dialog open={question !== null} title="Are you sure?" onClose={() => finish(false)}>
            <p>{question?.text}</p>
            <button onClick={() => finish(true)}>Yes</button>
            <button onClick={() => finish(false)}>No</button>
        </Dialog>
    )
    return [ask, dialog] as const
}
