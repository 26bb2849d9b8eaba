import stylelint from 'stylelint'

// A caption for screen readers is placed against the nearest part that has a position. Inside a part
// that scrolls and has none it would lengthen the whole page instead.
const SCROLLS = 'regimeflow/what-scrolls-has-a-position'
const positionOfScrolling = stylelint.createPlugin(SCROLLS, () => (root, result) => {
  root.walkDecls(/^overflow(-[xy])?$/, (declaration) => {
    const isPlaced = declaration.parent.some((each) => each.prop === 'position')
    if (!/auto|scroll/.test(declaration.value) || isPlaced) return
    stylelint.utils.report({
      result,
      ruleName: SCROLLS,
      node: declaration,
      message: `What scrolls needs "position: relative" in the same rule (${SCROLLS})`,
    })
  })
})

export default {
  extends: 'stylelint-config-standard',
  plugins: [positionOfScrolling],
  rules: {
    [SCROLLS]: true,
    'import-notation': 'string', // Lightning CSS inlines the file of breakpoints
    'selector-class-pattern': [
      '^[a-z][a-zA-Z0-9]*$',
      { message: 'A class is in camelCase, because TypeScript reads it as a property' },
    ],
    'selector-pseudo-class-no-unknown': [true, { ignorePseudoClasses: ['global'] }],
    'property-no-vendor-prefix': [true, { ignoreProperties: ['text-size-adjust'] }], // Safari knows no other
    'value-keyword-case': ['lower', { ignoreProperties: ['--font', '--mono'] }], // names of fonts
    'custom-property-empty-line-before': null, // tokens stand in groups
    'no-descending-specificity': null, // cells of one table are told apart by their place
  },
}
