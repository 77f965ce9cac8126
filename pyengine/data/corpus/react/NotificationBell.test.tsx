import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { delay, http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import type { PropsWithChildren } from 'react';

import { NotificationBell } from './NotificationBell';

const unread = [
  { id: 'n1', text: 'Your parcel is on its way', read: false, at: '2024-03-02T08:00:00Z' },
  { id: 'n2', text: 'New message from the plumber', read: false, at: '2024-03-01T17:30:00Z' },
];

const marked: string[] = [];
const server = setupServer(
  http.get('/api/notifications', () => HttpResponse.json({ items: unread })),
  http.post<{ id: string }>('/api/notifications/:id/read', ({ params }) => {
    marked.push(params.id);
    return new HttpResponse(null, { status: 204 });
  }),
);

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  server.resetHandlers();
  marked.length = 0;
});
afterAll(() => server.close());

function setup(props: Partial<React.ComponentProps<typeof NotificationBell>> = {}) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const Wrapper = ({ children }: PropsWithChildren) => (
    <QueryClientProvider client={client}>{children}</QueryClientProvider>
  );
  const user = userEvent.setup();
  return { user, ...render(<NotificationBell pollEvery={false} {...props} />, { wrapper: Wrapper }) };
}

describe('<NotificationBell />', () => {
  it('shows how many are unread', async () => {
    setup();
    expect(await screen.findByRole('button', { name: '2 unread notifications' })).toBeInTheDocument();
  });

  it('never shows more than 99', async () => {
    const many = Array.from({ length: 140 }, (_, i) => ({ ...unread[0], id: `m${i}` }));
    server.use(http.get('/api/notifications', () => HttpResponse.json({ items: many })));
    setup();
    expect(await screen.findByText('99+')).toBeVisible();
  });

  it('marks one as read when it is clicked, and says so at once', async () => {
    const { user } = setup();
    await user.click(await screen.findByRole('button', { name: /unread/ }));
    const list = screen.getByRole('list');
    await user.click(within(list).getByText(/parcel/));

    expect(screen.getByRole('button', { name: '1 unread notification' })).toBeVisible();
    await waitFor(() => expect(marked).toEqual(['n1']));
  });

  it('takes the mark back if the server refuses', async () => {
    server.use(
      http.post('/api/notifications/:id/read', async () => {
        await delay(20);
        return HttpResponse.json({ error: 'no' }, { status: 500 });
      }),
    );
    const onError = vi.fn();
    const { user } = setup({ onError });
    await user.click(await screen.findByRole('button', { name: /unread/ }));
    await user.click(screen.getByText(/plumber/));
    await waitFor(() => expect(onError).toHaveBeenCalledOnce());
    expect(screen.getByRole('button', { name: '2 unread notifications' })).toBeVisible();
  });

  it('closes with the escape key and gives the focus back', async () => {
    const { user } = setup();
    const bell = await screen.findByRole('button', { name: /unread/ });
    await user.click(bell);
    await user.keyboard('{Escape}');
    expect(screen.queryByRole('list')).not.toBeInTheDocument();
    expect(bell).toHaveFocus();
  });

  it('stops polling once it is gone', () => {
    vi.useFakeTimers();
    const { unmount } = setup({ pollEvery: 1000 });
    unmount();
    act(() => vi.advanceTimersByTime(10_000));
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});
