/** The filter's rules: column, comparison, and the words, day, number or choices it compares with. All must hold. */
import { newId } from '@sunday/board-model';
import { Plus, X } from 'lucide-react';
import { useColumnList, useScope, useView } from './context.ts';
import { hasLabels, labelsOf, NAME_KEY, paint } from './model.ts';
import type { ColumnView } from './model.ts';
import { usePeople } from './people.ts';
import { needsIds, needsText, OPERATORS, operatorsFor } from './query.ts';
import type { FilterRule, Operator } from './view-state.ts';

export function FilterPanel() {
  const { view } = useScope();
  const { filters } = useView();
  const columns = useColumnList();
  const add = () => {
    const column = columns.find((each) => hasLabels(each.type)) ?? columns[0];
    const operator = operatorsFor(column?.type ?? null)[0] ?? 'contains';
    view.patch({ filters: [...filters, { id: newId(8), columnId: column?.id ?? NAME_KEY, operator, text: '', ids: [] }] });
  };
  const put = (rule: FilterRule) => view.patch({ filters: filters.map((each) => (each.id === rule.id ? rule : each)) });
  return (
    <div className="picker filters">
      {filters.length === 0 && <p className="picker-empty">Show only the items that fit. No rules yet.</p>}
      {filters.map((rule, index) => (
        <Rule
          key={rule.id}
          word={index === 0 ? 'Where' : 'and'}
          rule={rule}
          columns={columns}
          onChange={put}
          onRemove={() => view.patch({ filters: filters.filter((each) => each.id !== rule.id) })}
        />
      ))}
      <div className="row">
        <button type="button" className="btn btn-ghost btn-sm" onClick={add}>
          <Plus aria-hidden /> Add rule
        </button>
        <span className="grow" />
        {filters.length > 0 && (
          <button type="button" className="btn btn-ghost btn-sm" onClick={() => view.patch({ filters: [] })}>
            Clear all
          </button>
        )}
      </div>
    </div>
  );
}

interface RuleProps {
  word: string;
  rule: FilterRule;
  columns: readonly ColumnView[];
  onChange: (rule: FilterRule) => void;
  onRemove: () => void;
}

function Rule({ word, rule, columns, onChange, onRemove }: RuleProps) {
  const column = columns.find((each) => each.id === rule.columnId) ?? null;
  const operators = operatorsFor(column?.type ?? null);
  return (
    <div className="rule">
      <span className="muted rule-word">{word}</span>
      <select
        className="input"
        aria-label="Column"
        value={rule.columnId}
        onChange={(event) => {
          const next = columns.find((each) => each.id === event.target.value) ?? null;
          onChange({ ...rule, columnId: event.target.value, operator: operatorsFor(next?.type ?? null)[0] ?? 'contains', text: '', ids: [] });
        }}
      >
        <option value={NAME_KEY}>Name</option>
        {columns.map((each) => (
          <option key={each.id} value={each.id}>
            {each.title}
          </option>
        ))}
      </select>
      <select
        className="input"
        aria-label="Comparison"
        value={rule.operator}
        onChange={(event) => onChange({ ...rule, operator: event.target.value as Operator })}
      >
        {operators.map((operator) => (
          <option key={operator} value={operator}>
            {OPERATORS[operator]}
          </option>
        ))}
      </select>
      <button type="button" className="btn btn-ghost btn-icon btn-sm" aria-label="Remove rule" onClick={onRemove}>
        <X aria-hidden />
      </button>
      <RuleValue rule={rule} column={column} onChange={onChange} />
    </div>
  );
}

function RuleValue({ rule, column, onChange }: { rule: FilterRule; column: ColumnView | null; onChange: (rule: FilterRule) => void }) {
  const people = usePeople();
  if (needsText(rule.operator)) {
    const isDay = column !== null && ['date', 'timeline', 'created_at', 'updated_at'].includes(column.type);
    const isNumber = ['equals', 'above', 'below'].includes(rule.operator) && !isDay;
    return (
      <input
        className="input rule-value"
        aria-label="Value"
        type={isDay ? 'date' : isNumber ? 'number' : 'text'}
        value={rule.text}
        onChange={(event) => onChange({ ...rule, text: event.target.value })}
      />
    );
  }
  if (!needsIds(rule.operator) || !column) return null;
  const choices = hasLabels(column.type)
    ? labelsOf(column).map((label) => ({ id: label.id, name: label.title, color: paint(label.color, label.id) }))
    : people.choicesFor(column).map((person) => ({ id: person.id, name: person.name, color: 'var(--accent)' }));
  return (
    <div className="rule-value tags is-wrapping">
      {choices.map(({ id, name, color }) => {
        const on = rule.ids.includes(id);
        return (
          <button
            key={id}
            type="button"
            className={`chip chip-choice ${on ? 'is-on' : ''}`}
            style={{ '--c': color }}
            aria-pressed={on}
            onClick={() => onChange({ ...rule, ids: on ? rule.ids.filter((each) => each !== id) : [...rule.ids, id] })}
          >
            {name}
          </button>
        );
      })}
    </div>
  );
}
