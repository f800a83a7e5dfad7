// Draws one dashboard with Grafana's own components, from answers of Prometheus that the page has.
// What Grafana keeps to itself is written here: the grid, the state timeline, and the forms of
// Prometheus' answers.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import {
  FieldConfigOptionsRegistry,
  FieldType,
  ThemeContext,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createDataFrame,
  createTheme,
  dateTime,
  getFieldDisplayName,
  getFieldDisplayValues,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import 'uplot/dist/uPlot.min.css';

const { dashboard, answers, from, to, step, dark } = window.preview;
const theme = createTheme({ colors: { mode: dark ? 'dark' : 'light' } });
const timeRange = { from: dateTime(from), to: dateTime(to), raw: { from: 'now-6h', to: 'now' } };
const CELL = 38;
const GAP = 8;

const { mergeTransformer, filterFieldsByNameTransformer, organizeFieldsTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() =>
  [mergeTransformer, filterFieldsByNameTransformer, organizeFieldsTransformer].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation: () => Promise.resolve(transformation),
  }))
);

const STANDARD = 'unit min max decimals noValue thresholds mappings color links displayName'.split(' ');

// Grafana drops options that no panel has registered.
function optionsOf(panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const overridden = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const custom = Object.keys(defaults.custom ?? {}).map((path) => `custom.${path}`);
  return new FieldConfigOptionsRegistry(() =>
    [...new Set([...STANDARD, ...custom, ...overridden])].map((id) => ({
      id,
      name: id,
      path: id.replace('custom.', ''),
      isCustom: id.startsWith('custom.'),
      process: (value) => value,
      shouldApply: () => true,
    }))
  );
}

function legend(format, metric) {
  if (format === '__auto') {
    return undefined;
  }
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

function seriesFrame(target, { metric, values, value }) {
  const points = values ?? [value];
  const interval = target.instant ? undefined : step * 1000;
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000), config: { interval } },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        values: points.map(([, text]) => Number(text)),
        config: { displayNameFromDS: legend(target.legendFormat, metric) },
      },
    ],
  });
}

function tableFrame(target, result, isOnly) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(() => to) },
      ...labels.map((name) => ({
        name,
        type: FieldType.string,
        values: result.map(({ metric }) => metric[name] ?? ''),
      })),
      {
        name: isOnly ? 'Value' : `Value #${target.refId}`,
        type: FieldType.number,
        values: result.map(({ value }) => Number(value[1])),
      },
    ],
  });
}

function useData(panel) {
  const [data, setData] = React.useState();
  React.useEffect(() => {
    const frames = panel.targets.flatMap((target) => {
      const result = answers[panel.id][target.refId];
      if (target.format === 'table') {
        return result.length ? [tableFrame(target, result, panel.targets.length === 1)] : [];
      }
      return result.map((one) => seriesFrame(target, one));
    });
    const transformed = transformDataFrame(panel.transformations ?? [], frames);
    const subscription = transformed.subscribe((found) => {
      const shown = applyFieldOverrides({
        data: found,
        fieldConfig: panel.fieldConfig,
        fieldConfigRegistry: optionsOf(panel),
        replaceVariables: (text) => text,
        theme,
        timeZone: 'utc',
      });
      cacheFieldDisplayNames(shown);
      setData(shown);
    });
    return () => subscription.unsubscribe();
  }, [panel]);
  return data;
}

function Stat({ panel, data, width, height }) {
  const hasTrend = panel.options.graphMode === 'area';
  const [{ display, view, colIndex, ...rest }] = getFieldDisplayValues({
    data,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    sparkline: hasTrend,
    theme,
    timeZone: 'utc',
  });
  return (
    <BigValue
      value={{ ...display, title: '' }}
      sparkline={rest.sparkline}
      colorMode={panel.options.colorMode}
      graphMode={panel.options.graphMode}
      {...{ theme, width, height }}
    />
  );
}

function Timeline({ data, width, height }) {
  const rows = data.map((frame) => frame.fields[1]);
  const names = data.map((frame) => getFieldDisplayName(frame.fields[1], frame, data));
  const left = Math.min(200, 12 + 8 * Math.max(...names.map((name) => name.length)));
  const lineHeight = (height - 20) / rows.length;
  const x = (time) => left + ((time - from) / (to - from)) * (width - left);
  const bars = data.flatMap((frame, row) => {
    const times = frame.fields[0].values;
    const found = [];
    rows[row].values.forEach((value, at) => {
      const last = found.at(-1);
      if (last && last.value === value && times[at] - last.end <= step * 1500) {
        last.end = times[at];
      } else {
        found.push({ row, value, begin: times[at], end: times[at], display: rows[row].display(value) });
      }
    });
    return found;
  });
  const ticks = Array.from({ length: 7 }, (_, at) => from + ((to - from) * at) / 6);
  return (
    <svg {...{ width, height }} fontSize="12" fill={theme.colors.text.primary}>
      {names.map((name, row) => (
        <text key={row} x={left - 8} y={(row + 0.5) * lineHeight + 4} textAnchor="end">
          {name}
        </text>
      ))}
      {bars.map(({ row, begin, end, display }, at) => (
        <g key={at}>
          <rect
            x={x(begin)}
            y={(row + 0.1) * lineHeight}
            width={Math.max(1, x(Math.min(to, end + step * 1000)) - x(begin))}
            height={lineHeight * 0.8}
            fill={display.color}
            fillOpacity="0.8"
          />
          {x(end) - x(begin) > 7 * display.text.length + 8 && (
            <text x={x(begin) + 4} y={(row + 0.5) * lineHeight + 4} fill={theme.colors.getContrastText(display.color)}>
              {display.text}
            </text>
          )}
        </g>
      ))}
      {ticks.slice(1, -1).map((time) => (
        <text key={time} x={x(time)} y={height - 4} textAnchor="middle" fill={theme.colors.text.secondary}>
          {new Date(time).toISOString().slice(11, 16)}
        </text>
      ))}
    </svg>
  );
}

function Content({ panel, width, height }) {
  const data = useData(panel);
  if (!data) {
    return null;
  }
  if (panel.type === 'stat') {
    return <Stat {...{ panel, data, width, height }} />;
  }
  if (!data.some((frame) => frame.length)) {
    const style = { width, height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary };
    return <div style={style}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  if (panel.type === 'table') {
    const { sortBy } = panel.options;
    const { fieldConfig } = panel;
    return <TableNG data={data[0]} enablePagination enableVirtualization={false} {...{ sortBy, fieldConfig, width, height, timeRange }} />;
  }
  if (panel.type === 'state-timeline') {
    return <Timeline {...{ data, width, height }} />;
  }
  return (
    <TimeSeries frames={data} legend={panel.options.legend} timeZone="utc" {...{ timeRange, width, height }} />
  );
}

function Panel({ panel, width, height }) {
  return (
    <PanelChrome title={panel.title} description={panel.description} {...{ width, height }}>
      {(innerWidth, innerHeight) => <Content panel={panel} width={innerWidth} height={innerHeight} />}
    </PanelChrome>
  );
}

function Dashboard() {
  const cell = (document.documentElement.clientWidth - 2 * GAP + GAP) / 24;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const variables = dashboard.templating.list.filter(({ hide }) => !hide).map(({ label }) => label);
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ padding: GAP, color: theme.colors.text.primary, background: theme.colors.background.canvas }}>
        <div style={{ height: 28 }}>
          <b>{dashboard.title}</b>
          <span style={{ color: theme.colors.text.secondary }}> {variables.map((one) => ` · ${one}`)}</span>
        </div>
        <div style={{ position: 'relative', height: bottom * CELL }}>
          {dashboard.panels.map((panel) => {
            const { x, y, w, h } = panel.gridPos;
            const [width, height] = [w * cell - GAP, h * CELL - GAP];
            return (
              <div key={panel.id} style={{ position: 'absolute', left: x * cell, top: y * CELL, width, height }}>
                {panel.type === 'row' ? <h4>{panel.title}</h4> : <Panel {...{ panel, width, height }} />}
              </div>
            );
          })}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

document.body.style.margin = 0;
document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('dashboard')).render(<Dashboard />);
