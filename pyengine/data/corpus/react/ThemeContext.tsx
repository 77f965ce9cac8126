import React, { createContext, useCallback, useContext, useState, type ReactNode } from 'react';

type Theme = 'light' | 'dark';

interface ThemeValue {
  theme: Theme;
  toggle: () => void;
}

const ThemeContext = createContext<ThemeValue | null>(null);

export function ThemeProvider({ children, start = 'light' }: { children: ReactNode; start?: Theme }) {
  const [theme, setTheme] = useState<Theme>(start);
  const toggle = useCallback(() => {
    setTheme((current) => (current === 'light' ? 'dark' : 'light'));
  }, []);

  return (
    <ThemeContext.Provider value={{ theme, toggle }}>
      <div data-theme={theme}>{children}</div>
    </ThemeContext.Provider>
  );
}

export function useTheme(): ThemeValue {
  const value = useContext(ThemeContext);
  if (value === null) {
    throw new Error('useTheme needs a ThemeProvider above it');
  }
  return value;
}

export const ThemeButton: React.FC<{ label?: string }> = ({ label = 'Theme' }) => {
  const { theme, toggle } = useTheme();
  return (
    <button onClick={toggle} aria-pressed={theme === 'dark'}>
      {label}: {theme}
    </button>
  );
};
