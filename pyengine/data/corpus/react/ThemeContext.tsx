import React, { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from 'react';

type Theme = 'light' | 'dark';

interface ThemeValue {
  theme: Theme;
  toggle: () => void;
}

const KEY = 'theme';

/** What the visitor chose last time, or what the system prefers. */
function preferred(): Theme {
  const saved = localStorage.getItem(KEY);
  if (saved === 'light' || saved === 'dark') return saved;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

const ThemeContext = createContext<ThemeValue | null>(null);

export function ThemeProvider({ children, start }: { children: ReactNode; start?: Theme }) {
  const [theme, setTheme] = useState<Theme>(() => start ?? preferred());
  const toggle = useCallback(() => {
    setTheme((current) => (current === 'light' ? 'dark' : 'light'));
  }, []);

  useEffect(() => {
    localStorage.setItem(KEY, theme);
    document.documentElement.style.colorScheme = theme;
  }, [theme]);

  // another tab may change it too
  useEffect(() => {
    const listen = (event: StorageEvent) => {
      if (event.key === KEY) setTheme(preferred());
    };
    window.addEventListener('storage', listen);
    return () => window.removeEventListener('storage', listen);
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
