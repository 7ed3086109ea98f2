/** Entry: styles, theme, the app. */
import '@fontsource-variable/inter/wght.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/floating.css';
import './styles/pages.css';
import './styles/board.css';
import './styles/pickers.css';
import './styles/table.css';
import './styles/groups.css';
import './styles/cells.css';
import './styles/kanban.css';
import './styles/item.css';
import './styles/history.css';
import './styles/conflicts.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { applyTheme, theme } from './app/theme.ts';

applyTheme(theme.get());
const root = document.querySelector('#root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
