import {
  createAsyncThunk,
  createEntityAdapter,
  createSelector,
  createSlice,
  type PayloadAction,
} from '@reduxjs/toolkit';
import { useDispatch, useSelector } from 'react-redux';
import type { AppDispatch, RootState } from './store';

interface Seat {
  id: string;
  row: string;
  number: number;
  cents: number;
}

const seats = createEntityAdapter<Seat>({
  sortComparer: (a, b) => a.row.localeCompare(b.row) || a.number - b.number,
});

export const reserve = createAsyncThunk<
  { expires: string },
  void,
  { state: RootState; rejectValue: string[] }
>('basket/reserve', async (_, { getState, rejectWithValue, signal }) => {
  const response = await fetch('/api/reservations', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ seats: getState().basket.ids }),
    signal,
  });
  if (response.status === 409) return rejectWithValue((await response.json()).taken);
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
});

const basket = createSlice({
  name: 'basket',
  initialState: seats.getInitialState({
    status: 'idle' as 'idle' | 'reserving' | 'reserved' | 'failed',
    expires: null as string | null,
    taken: [] as string[],
  }),
  reducers: {
    toggled(state, { payload }: PayloadAction<Seat>) {
      if (state.status === 'reserved') return; // the seats are held; they must be given back first
      if (payload.id in state.entities) seats.removeOne(state, payload.id);
      else seats.addOne(state, payload);
      state.taken = state.taken.filter((id) => id !== payload.id);
    },
    emptied: (state) => {
      seats.removeAll(state);
      state.status = 'idle';
      state.expires = null;
    },
  },
  extraReducers: (builder) =>
    builder
      .addCase(reserve.pending, (state) => {
        state.status = 'reserving';
      })
      .addCase(reserve.fulfilled, (state, { payload }) => {
        state.status = 'reserved';
        state.expires = payload.expires;
      })
      .addCase(reserve.rejected, (state, { payload = [] }) => {
        state.status = 'failed';
        state.taken = payload;
        seats.removeMany(state, payload);
      }),
});

export const { toggled, emptied } = basket.actions;
export default basket.reducer;

const { selectAll } = seats.getSelectors((state: RootState) => state.basket);
const selectTotal = createSelector(selectAll, (all) => all.reduce((sum, seat) => sum + seat.cents, 0));

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

export function Basket() {
  const dispatch = useDispatch<AppDispatch>();
  const chosen = useSelector(selectAll);
  const total = useSelector(selectTotal);
  const { status, taken } = useSelector((state: RootState) => state.basket);

  if (chosen.length === 0 && taken.length === 0) return null;
  return (
    <aside className="basket" aria-live="polite">
      {taken.length > 0 && <p>Somebody was faster: {taken.join(', ')}</p>}
      <ul>
        {chosen.map((seat) => (
          <li key={seat.id}>
            Row {seat.row}, seat {seat.number}
            <button onClick={() => dispatch(toggled(seat))} aria-label={`Remove ${seat.row}${seat.number}`}>×</button>
          </li>
        ))}
      </ul>
      <button disabled={status === 'reserving'} onClick={() => void dispatch(reserve())}>
        Reserve for {euros.format(total / 100)}
      </button>
    </aside>
  );
}
